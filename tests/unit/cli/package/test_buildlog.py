import pytest

from fission.base import headtail
from fission.cli.package import buildlog


def test_what_was_read_is_not_shown_again():
    reader = buildlog.Reader()

    assert reader.feed("") == buildlog.News("")
    assert reader.feed("Collecting a\n") == buildlog.News("Collecting a\n")
    assert reader.feed("Collecting a\n") == buildlog.News("")
    assert reader.feed("Collecting a\nCollecting b\nInst") == buildlog.News("Collecting b\nInst")
    assert reader.feed("Collecting a\nCollecting b\nInstalled\n") == buildlog.News("alled\n")


def test_a_log_that_does_not_continue_is_another_builds():
    reader = buildlog.Reader()
    reader.feed("one\ntwo\n")

    assert reader.feed("") == buildlog.News("", is_another_build=True)
    assert reader.feed("one\n") == buildlog.News("one\n")
    assert reader.feed("three\n") == buildlog.News("three\n", is_another_build=True)


def a_line(number):
    return f"line {number} ü\n"


def grown(looks, lines_between, max_bytes=400):
    """Logs as a reader sees them, and everything that was written."""
    kept = headtail.HeadTail(max_bytes)
    seen, written = [], ""
    for look in range(looks):
        for line in range(lines_between):
            text = a_line(look * lines_between + line)
            written += text
            kept.add(text)
        seen.append(kept.text())
    return seen, written


@pytest.mark.parametrize("lines_between", [1, 3, 17])
def test_nothing_is_missed_or_repeated_when_the_middle_is_left_out(lines_between):
    seen, written = grown(60, lines_between)
    assert "bytes left out" in seen[-1]
    reader = buildlog.Reader()

    shown = [reader.feed(log) for log in seen]

    assert "".join(news.text for news in shown) == written
    assert not any(news.is_another_build for news in shown)


def test_a_reader_who_comes_late_is_told_what_is_missing():
    seen, _ = grown(60, 3)

    assert buildlog.Reader().feed(seen[-1]).text == seen[-1]


def test_a_reader_who_is_too_slow_is_told_what_it_missed():
    seen, written = grown(40, 40)
    reader = buildlog.Reader()
    reader.feed(seen[0])

    news = reader.feed(seen[-1])

    marker, _, tail = news.text.partition("\n")
    missed = int(marker.removeprefix("... ").removesuffix(" bytes left out ..."))
    first_look = "".join(a_line(number) for number in range(40)).encode()
    assert written.endswith(tail)
    assert len(first_look) + missed + len(tail.encode()) == len(written.encode())
    assert not news.is_another_build


def test_another_build_with_a_long_log_is_told_apart():
    reader = buildlog.Reader()
    reader.feed(grown(60, 3)[0][-1])
    kept = headtail.HeadTail(400)
    for number in range(100):
        kept.add(f"other {number}\n")

    news = reader.feed(kept.text())

    assert news == buildlog.News(kept.text(), is_another_build=True)
