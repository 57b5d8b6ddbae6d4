"""Names that buildermgr gives, and what they must not be mistaken for."""

from __future__ import annotations

from fission.buildermgr import names


def test_a_source_of_one_package_is_never_taken_for_another_ones() -> None:
    stem = names.source_stem("a", "uid-1")
    other = names.source_filename(stem, "uid-2", "bcdfgh")

    assert names.source_filename("a", "uid-1", "bcdfgh") == f"{stem}-bcdfgh"
    assert len(other.removeprefix(f"{stem}-").split("-")[0]) == names.STEM_DIGITS
    assert names.STEM_DIGITS != names.SOURCE_SUFFIX
    assert names.source_stem("a", "uid-2") != stem


def test_the_longest_package_name_leaves_room_for_suffixes() -> None:
    assert len(names.source_filename("p" * 253, "uid", "bcdfgh")) + 7 < 253
