"""Folders become zips: equal ones equal bytes, and nothing from outside gets in."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from fission.base import archives, errors, packing, unpacking


def packed(folder: Path) -> bytes:
    sink = io.BytesIO()
    packing.pack_folder(folder, sink)
    return sink.getvalue()


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_packed_tree_unpacks_to_the_same_tree(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "empty" / "inner").mkdir(parents=True)
    (source / "pkg" / "a.py").write_text("A = 1\n")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o700)
    (tmp_path / "packed").write_bytes(packed(source))

    archives.unpack(tmp_path / "packed", archives.Form.ZIP, tmp_path / "target")

    assert (tmp_path / "target" / "pkg" / "a.py").read_text() == "A = 1\n"
    assert (tmp_path / "target" / "empty" / "inner").is_dir()
    assert stat.S_IMODE((tmp_path / "target" / "run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "target" / "pkg" / "a.py").stat().st_mode) == 0o644


def test_equal_trees_pack_to_equal_bytes(tmp_path: Path) -> None:
    for number, order in enumerate((("b", "a"), ("a", "b"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in order:
            (folder / name).write_text(name * 100)
            os.utime(folder / name, (number * 1000, number * 1000))
    assert packed(tmp_path / "0") == packed(tmp_path / "1")
    assert names(packed(tmp_path / "0")) == ["a", "b"]


def test_links_are_followed_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.js").write_text("1")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "mine").symlink_to("../real")
    (tmp_path / "run").symlink_to("real/a.js")
    (tmp_path / "nowhere").symlink_to("gone")
    assert names(packed(tmp_path)) == ["node_modules/mine/a.js", "real/a.js", "run"]


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../outside", ".."])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "link").symlink_to(target)
    with pytest.raises(errors.InvalidInput, match="is a link that leads out of"):
        packed(tmp_path / "built")


def test_a_link_to_a_folder_around_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to("..")
    with pytest.raises(errors.InvalidInput, match="is a link to a folder that holds it"):
        packed(tmp_path)


def test_what_is_exchanged_for_a_link_while_it_is_packed_does_not_get_in(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    built = tmp_path / "built"
    built.mkdir()
    for name in ("a", "b"):
        (built / name).write_text("honest")

    class Swapping(io.BytesIO):
        """While the first member is written, the second one becomes a link."""

        def write(self, data: object) -> int:
            if not (built / "b").is_symlink():
                (built / "b").unlink()
                (built / "b").symlink_to(tmp_path / "secret")
            return super().write(data)  # type: ignore[arg-type]

    with pytest.raises(errors.InvalidInput, match="leads out"):
        packing.pack_folder(built, Swapping())


def test_pipes_and_sockets_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_text("x")
    assert names(packed(tmp_path)) == ["a"]


def test_a_folder_that_is_exchanged_for_a_link_does_not_get_in(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "secret").write_text("secret")
    (tmp_path / "built").symlink_to("host")
    sink = io.BytesIO()
    with pytest.raises(errors.InvalidInput, match="leads out"):
        packing.pack_folder(tmp_path / "built", sink)
    assert b"secret" not in sink.getvalue()


def test_links_that_multiply_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    for number in range(1, 60):
        (tmp_path / str(number)).mkdir()
        for link in ("a", "b"):
            (tmp_path / str(number) / link).symlink_to(f"../{number - 1}")
    limits = unpacking.Limits(max_members=1000)
    with pytest.raises(errors.InvalidInput, match="holds more than the 1000 files"):
        packing.pack_folder(tmp_path, io.BytesIO(), limits)


def test_a_link_to_itself_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a").write_text("x")
    assert names(packed(tmp_path)) == ["a"]


def test_what_is_too_deep_or_too_large_to_unpack_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "large").write_bytes(b"x" * 100)
    for limits, said in (
        (unpacking.Limits(max_depth=2), "lie 3 deep; at most 2"),
        (unpacking.Limits(max_total_bytes=99), "more than the 99 bytes"),
    ):
        with pytest.raises(errors.InvalidInput, match=said):
            packing.pack_folder(tmp_path, io.BytesIO(), limits)


@pytest.mark.parametrize("name", [b"a\\b", b"a\xff"])
def test_a_name_that_would_not_be_unpacked_is_refused(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(errors.InvalidInput, match="is no name for a file in an archive"):
        packed(tmp_path)
