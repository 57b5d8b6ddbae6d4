from fission.cli.function import loglines


def at(seconds, source="a", text=b"x"):
    return loglines.Line(f"2026-01-01T00:00:0{seconds}.000000000Z", source, text)


def test_lines_come_out_of_bytes_whole():
    reader = loglines.Reader("a")

    assert reader.feed(b"2026-01-01T00:00:01.0") == []
    assert reader.feed(b"00000000Z one\n2026-01-01T00:00:02.000000000Z tw") == [at(1, text=b"one")]
    assert reader.feed(b"o\n") == [at(2, text=b"two")]
    assert reader.flush() == []
    assert reader.last == "2026-01-01T00:00:02.000000000Z"


def test_a_line_that_was_never_ended_comes_at_the_end():
    reader = loglines.Reader("a")
    reader.feed(b"2026-01-01T00:00:01.000000000Z last words")

    assert reader.flush() == [at(1, text=b"last words")]


def test_a_reader_that_goes_on_leaves_out_what_was_read():
    reader = loglines.Reader("a", "2026-01-01T00:00:02.000000000Z")

    assert reader.feed(
        b"2026-01-01T00:00:01.000000000Z one\n2026-01-01T00:00:02.000000000Z two\n"
        b"2026-01-01T00:00:03.000000000Z three\n"
    ) == [at(3, text=b"three")]


def test_what_has_no_time_stands_where_it_came():
    reader = loglines.Reader("a")
    reader.feed(b"2026-01-01T00:00:01.000000000Z one\n")

    assert reader.feed(b"unable to retrieve container logs\n") == [
        at(1, text=b"unable to retrieve container logs")
    ]


def test_several_logs_are_one_by_time():
    first = [at(1, "a", b"1"), at(4, "a", b"4")]
    second = [at(2, "b", b"2"), at(4, "b", b"5"), at(6, "b", b"6")]

    assert [line.text for line in loglines.merged([first, second])] == [
        b"1", b"2", b"4", b"5", b"6",
    ]  # fmt: skip


def test_a_mixer_waits_for_earlier_lines_of_others():
    mixer = loglines.Mixer(hold_seconds=1.0)
    assert mixer.next_due is None
    mixer.add(at(5, "a"), now=10.0)
    mixer.add(at(3, "b"), now=10.5)
    mixer.add(at(6, "b"), now=10.6)

    assert mixer.next_due == 11.0
    assert mixer.due(10.9) == []
    assert mixer.due(11.0) == [at(3, "b"), at(5, "a")]
    assert mixer.rest() == [at(6, "b")]
    assert mixer.rest() == []


def test_lines_of_one_time_stay_in_the_order_of_their_arrival():
    mixer = loglines.Mixer(hold_seconds=0.0)
    for text in (b"z", b"a", b"m"):
        mixer.add(at(1, text=text), now=1.0)

    assert [line.text for line in mixer.due(1.0)] == [b"z", b"a", b"m"]


def test_a_name_stands_before_lines_as_soon_as_there_are_two():
    names = loglines.Names(colours=False)

    assert names.format(at(1, "a", b"one")) == b"one\n"
    names.meet("b")
    assert names.format(at(2, "a", b"two")) == b"[a] two\n"
    assert names.format(at(2, "b", b"three")) == b"[b] three\n"


def test_each_source_keeps_a_colour_of_its_own():
    names = loglines.Names(colours=True)
    names.meet("a")
    names.meet("b")

    first, second, again = (names.format(at(1, source)) for source in ("a", "b", "a"))
    assert first == again == b"\x1b[36m[a]\x1b[0m x\n"
    assert second == b"\x1b[35m[b]\x1b[0m x\n"
