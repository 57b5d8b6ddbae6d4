"""Names in the shared directory, and what is removed from it."""

from __future__ import annotations

import os
import pathlib

import pytest

from fission.base import errors
from fission.builder import folders


@pytest.fixture
def places(tmp_path: pathlib.Path) -> folders.Folders:
    made = folders.Folders(tmp_path)
    made.prepare()
    return made


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/x", "a/b", ".hidden", "a\0b", "x" * 300])
def test_only_plain_names_are_sources(places: folders.Folders, name: str) -> None:
    with pytest.raises(errors.InvalidInput):
        places.source(name)


def test_a_link_is_no_source(places: folders.Folders) -> None:
    (places.root / "link").symlink_to("/etc")
    with pytest.raises(folders.MissingSource):
        places.source("link")


def test_cleaning_takes_a_source_and_its_artifacts_alone(places: folders.Folders) -> None:
    for name in ("a-bcdefg", "a-bcdefg-hjklmn", "a-bcdefg-hjklmn-x", "a-bcdefgh", "b-bcdefg"):
        (places.root / name).mkdir()
    places.clean("a-bcdefg")
    left = sorted(set(os.listdir(places.root)) - {folders.MARKER})
    assert left == ["a-bcdefg-hjklmn-x", "a-bcdefgh", "b-bcdefg"]


def test_cleaning_by_a_stem_takes_every_source_of_it(places: folders.Folders) -> None:
    left = ["a-12345678-bcdefg-hjklmn-pqrstv", "a-12345678-bcdefgh", "a-87654321-bcdefg"]
    for name in ("a-12345678-bcdefg", "a-12345678-bcdefg-hjklmn", "a-12345678-hjklmn", *left):
        (places.root / name).mkdir()
    places.clean("a-12345678")
    assert sorted(set(os.listdir(places.root)) - {folders.MARKER}) == left


def test_what_a_build_locked_is_removed_all_the_same(places: folders.Folders) -> None:
    inner = places.root / "a-bcdefg" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    inner.chmod(0o500)
    places.clean("a-bcdefg")
    assert os.listdir(places.root) == [folders.MARKER]


def test_what_is_removed_loses_its_name_first(places: folders.Folders) -> None:
    inner = places.root / "a-bcdefg"
    inner.mkdir()
    opened = os.open(inner, os.O_RDONLY)
    folders.remove(inner)
    name = os.readlink(f"/proc/self/fd/{opened}")
    os.close(opened)
    assert os.path.basename(name).startswith(folders.GONE_PREFIX)


def test_sweeping_takes_what_is_old_and_unused(places: folders.Folders) -> None:
    for name in ("old-bcdefg", "used-bcdefg", "used-bcdefg-hjklmn"):
        (places.root / name).mkdir()
    newest = max(path.stat().st_ctime for path in places.root.iterdir())
    places.sweep({"used-bcdefg"}, newest - 60)
    assert len(os.listdir(places.root)) == 4
    places.sweep({"used-bcdefg"}, newest + 60)
    assert sorted(os.listdir(places.root)) == [
        folders.MARKER,
        "used-bcdefg",
        "used-bcdefg-hjklmn",
    ]


def test_a_directory_of_somebody_elses_is_never_swept(tmp_path: pathlib.Path) -> None:
    (tmp_path / "precious").touch()
    places = folders.Folders(tmp_path)
    places.prepare()
    places.sweep(set(), 2**40)
    places.prepare()
    assert os.listdir(tmp_path) == ["precious"]
