"""Hostile and ordinary zip archives."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from fission.base import archives


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_packed_tree_unpacks_to_the_same_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg" / "a.py").write_text("A = 1\n")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    packed = tmp_path / "packed.zip"
    with packed.open("wb") as file:
        archives.pack_zip(archives.files_below(source), file)

    archives.unpack_zip(packed, tmp_path / "target")

    assert (tmp_path / "target" / "pkg" / "a.py").read_text() == "A = 1\n"
    assert (tmp_path / "target" / "run.sh").stat().st_mode & stat.S_IXUSR


def test_equal_trees_pack_to_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("A = 1\n")
    packed = []
    for _ in range(2):
        sink = io.BytesIO()
        archives.pack_zip({"a.py": tmp_path / "a.py"}, sink)
        packed.append(sink.getvalue())
    assert packed[0] == packed[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../evil.py", "outside of the package"),
        ("/etc/evil", "outside of the package"),
        ("a/../../evil", "outside of the package"),
        ("a\\..\\evil", "outside of the package"),
    ],
)
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    archive = zip_of(tmp_path / "x.zip", {"ok.py": b"", name: b"evil"})
    with pytest.raises(archives.UnsafeArchive, match=message):
        archives.unpack_zip(archive, tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(archives.UnsafeArchive, match="is a link"):
        archives.unpack_zip(tmp_path / "x.zip", tmp_path / "target")


def test_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {"zeros": b"\0" * (17 << 20)})
    with pytest.raises(archives.UnsafeArchive, match="times its size"):
        archives.unpack_zip(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {f"f{n}": b"" for n in range(11)})
    with pytest.raises(archives.UnsafeArchive, match="11 members"):
        archives.unpack_zip(archive, tmp_path / "target", archives.Limits(max_members=10))


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {"a": b"x" * 1000})
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(archives.UnsafeArchive, match="damaged"):
        archives.unpack_zip(archive, tmp_path / "target")


def test_a_member_that_is_file_and_folder_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {"a": b"1", "a/b": b"2"})
    with pytest.raises(archives.UnsafeArchive):
        archives.unpack_zip(archive, tmp_path / "target")
