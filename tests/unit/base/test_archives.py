"""Hostile and ordinary archives of every form."""

import gzip
import io
import random
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from fission.base import archives

Members = list[tuple[str, bytes]]
FORMS = [archives.Form.ZIP, archives.Form.TAR, archives.Form.TAR_GZ]


def zip_of(members: Members) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return sink.getvalue()


def tar_of(members: Members, mode: str = "w") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def of_form(form: archives.Form, members: Members) -> bytes:
    if form is archives.Form.ZIP:
        return zip_of(members)
    return tar_of(members, "w:gz" if form is archives.Form.TAR_GZ else "w")


def unpack(
    tmp_path: Path, content: bytes, limits: archives.Limits = archives.DEFAULT_LIMITS
) -> Path:
    packed = tmp_path / "packed"
    packed.write_bytes(content)
    form = archives.form_of_file(packed)
    try:
        archives.unpack(packed, form, tmp_path / "target", limits)
    finally:
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left in (["packed"], ["packed", "target"])
    return tmp_path / "target"


def refused(
    tmp_path: Path, content: bytes, limits: archives.Limits = archives.DEFAULT_LIMITS
) -> str:
    with pytest.raises(archives.UnsafeArchive) as found:
        unpack(tmp_path, content, limits)
    assert not (tmp_path / "target").exists()
    return found.value.message


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_becomes_a_tree(tmp_path: Path, form: archives.Form) -> None:
    members = [("./", b""), ("./main.py", b"import pkg\n"), ("pkg/", b""), ("pkg/a/b.py", b"")]
    target = unpack(tmp_path, of_form(form, members))
    assert (target / "main.py").read_bytes() == b"import pkg\n"
    assert (target / "pkg" / "a" / "b.py").read_bytes() == b""
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_told_by_its_bytes(form: archives.Form) -> None:
    assert archives.form_of(of_form(form, [("a", b"x")])[: archives.HEAD_BYTES]) is form


@pytest.mark.parametrize("content", [b"", b"x = 1\n", bytes(1024), gzip.compress(b"x = 1\n")])
def test_what_is_no_archive_is_a_file(content: bytes) -> None:
    assert archives.form_of(content) is archives.Form.FILE


@pytest.mark.parametrize(("kind", "mode"), [("xz", "w:xz"), ("bzip2", "w:bz2")])
def test_other_compressions_are_refused_by_name(kind: str, mode: str) -> None:
    with pytest.raises(archives.UnsafeArchive, match=f"is {kind}; allowed are zip, tar and tar.gz"):
        archives.form_of(tar_of([("a", b"x")], mode)[: archives.HEAD_BYTES])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "a\\..\\evil"])
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path, form: archives.Form, name: str
) -> None:
    message = refused(tmp_path, of_form(form, [("ok.py", b""), (name, b"evil")]))
    assert message == f"{name!r} would be written outside of the package"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path, form: archives.Form) -> None:
    message = refused(tmp_path, of_form(form, [("a/b", b"1"), ("a/./b", b"2")]))
    assert message == "'a/./b' is in the archive twice"


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_is_file_and_folder_is_refused(tmp_path: Path, form: archives.Form) -> None:
    message = refused(tmp_path, of_form(form, [("a", b"1"), ("a/b", b"2")]))
    assert message == "'a/b' is a file and a folder at once"


@pytest.mark.parametrize("form", FORMS)
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, form: archives.Form) -> None:
    assert "is no name for a file" in refused(tmp_path, of_form(form, [("n" * 300, b"")]))


@pytest.mark.parametrize("form", FORMS)
def test_folders_without_end_are_refused(tmp_path: Path, form: archives.Form) -> None:
    message = refused(tmp_path, of_form(form, [("d/" * 2000 + "a", b"")]))
    assert message.endswith("lies 2001 folders deep; at most 100 are unpacked")


@pytest.mark.parametrize("form", FORMS)
def test_too_many_members_are_refused(tmp_path: Path, form: archives.Form) -> None:
    content = of_form(form, [(f"f{n}", b"") for n in range(11)])
    message = refused(tmp_path, content, archives.Limits(max_members=10))
    assert message == "the archive has 11 members or more; at most 10 are unpacked"


@pytest.mark.parametrize("form", [archives.Form.ZIP, archives.Form.TAR_GZ])
def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path, form: archives.Form) -> None:
    content = of_form(form, [("zeros", bytes(17 << 20))])
    assert "times its size or more; at most 200 are unpacked" in refused(tmp_path, content)


@pytest.mark.parametrize("form", FORMS)
def test_more_than_a_volume_should_hold_is_refused(tmp_path: Path, form: archives.Form) -> None:
    content = of_form(form, [("a", b"x" * 3000), ("b", b"x" * 3000)])
    message = refused(tmp_path, content, archives.Limits(max_total_bytes=5000))
    assert message.endswith("bytes or more; at most 5000 are unpacked")


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, form: archives.Form) -> None:
    members = [(f"f{n}", random.Random(n).randbytes(700)) for n in range(3)]
    whole = of_form(form, members)
    end = len(whole) - (9216 if form is archives.Form.TAR else 5)
    for length in (600, end // 2, end):
        folder = tmp_path / str(length)
        folder.mkdir()
        message = refused(folder, whole[:length])
        assert "damaged" in message or "cut off" in message


def test_a_tar_that_ends_between_two_members_is_refused(tmp_path: Path) -> None:
    whole = tar_of([("a", b"x" * 512), ("b", b"x" * 512)])
    assert "it has no end mark" in refused(tmp_path, whole[:1024])


@pytest.mark.parametrize("form", [archives.Form.ZIP, archives.Form.TAR_GZ])
def test_an_archive_with_a_changed_byte_is_refused(tmp_path: Path, form: archives.Form) -> None:
    content = bytearray(of_form(form, [("a.txt", bytes(range(256)) * 40)]))
    content[len(content) // 3] ^= 0xFF
    assert "damaged" in refused(tmp_path, bytes(content))


def _zip_member(kind: int) -> bytes:
    member = zipfile.ZipInfo("odd")
    member.external_attr = (kind | 0o777) << 16
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (stat.S_IFLNK, "a link"),
        (stat.S_IFIFO, "neither a file nor a folder"),
        (stat.S_IFBLK, "neither a file nor a folder"),
    ],
)
def test_a_zip_holds_files_and_folders_only(tmp_path: Path, kind: int, what: str) -> None:
    assert refused(tmp_path, _zip_member(kind)) == (
        f"'odd' is {what}, which a package may not contain"
    )


def _tar_member(kind: bytes, size: int = 0) -> bytes:
    member = tarfile.TarInfo("odd")
    member.type = kind
    member.linkname = "/etc/passwd"
    member.size = size
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("ok"))
        archive.addfile(member)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    ],
)
def test_a_tar_holds_files_and_folders_only(tmp_path: Path, kind: bytes, what: str) -> None:
    assert refused(tmp_path, _tar_member(kind)) == (
        f"'odd' is {what}, which a package may not contain"
    )


def test_a_header_beyond_reason_is_refused_before_it_is_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("pax")
    member.type = tarfile.XHDTYPE
    member.size = 1 << 32
    content = tar_of([("ok", b"")])[:512] + member.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    assert refused(tmp_path, content) == "the archive has a header of 4294967296 bytes"


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_of([("a", b"x" * 5000)]))
    at = content.rindex(b"PK\x01\x02") + 24
    struct.pack_into("<L", content, at, 10)
    assert refused(tmp_path, bytes(content))


def test_an_encrypted_or_oddly_compressed_member_is_refused(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", "x")
    assert "compressed by method 12; allowed are 0 (stored) and 8 (deflated)" in refused(
        tmp_path, sink.getvalue()
    )
    content = bytearray(zip_of([("a", b"x")]))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert refused(tmp_path, bytes(content)) == "'a' is encrypted"


def test_members_are_counted_before_the_directory_is_read_whole(tmp_path: Path) -> None:
    entry = struct.pack("<4s24xHHH12x", b"PK\x01\x02", 1, 0, 0) + b"a"
    entries = entry * 200
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entries), 0, 0)
    content = b"PK\x03\x04" + entries + end
    limits = archives.Limits(max_members=100)
    assert refused(tmp_path, content, limits).startswith("the archive has 101 members or more")


@pytest.mark.parametrize("form", FORMS)
def test_executable_files_stay_executable(tmp_path: Path, form: archives.Form) -> None:
    sink = io.BytesIO()
    if form is archives.Form.ZIP:
        with zipfile.ZipFile(sink, "w") as packed:
            info = zipfile.ZipInfo("run.sh")
            info.external_attr = 0o100751 << 16
            packed.writestr(info, "#!/bin/sh\n")
    else:
        mode = "w:gz" if form is archives.Form.TAR_GZ else "w"
        with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
            member = tarfile.TarInfo("run.sh")
            member.mode = 0o4711
            archive.addfile(member)
    target = unpack(tmp_path, sink.getvalue())
    assert stat.S_IMODE((target / "run.sh").stat().st_mode) == 0o755
