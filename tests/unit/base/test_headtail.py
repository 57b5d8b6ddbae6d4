"""Text that may grow without end, kept to its beginning and its end."""

from fission.base import headtail


def test_what_fits_is_kept_as_it_is():
    kept = headtail.HeadTail(100)
    kept.add("one\n")
    kept.add("two\n")
    assert kept.text() == "one\ntwo\n"


def test_what_does_not_fit_goes_from_the_middle_in_whole_lines():
    kept = headtail.HeadTail(80, head_share=0.5)
    for number in range(100):
        kept.add(f"line {number:03}\n")
    assert kept.text() == (
        "line 000\nline 001\nline 002\nline 003\n"
        "... 828 bytes left out ...\n"
        "line 096\nline 097\nline 098\nline 099\n"
    )


def test_memory_stays_bounded_however_much_comes():
    kept = headtail.HeadTail(1000)
    for _ in range(1000):
        kept.add("x" * 1000 + "\n")
    assert len(kept.text()) < 1100


def test_growth_shows_at_the_end_while_nothing_is_left_out():
    kept = headtail.HeadTail(1000)
    before = ""
    for number in range(20):
        kept.add(f"zeile {number} äöü\n")
        assert kept.text().startswith(before)
        before = kept.text()


def test_a_character_that_was_cut_is_marked():
    kept = headtail.HeadTail(10, head_share=0.5)
    kept.add("ä" * 50)
    assert "left out" in kept.text()
