"""Archives of code: which form one has, and unpacked safely.

Forms are told by their first bytes, never by a name: zip, tar, and tar in gzip. Everything else is
a file. Other compressions are refused by name rather than passed on as a file that no runtime can
load. ``unpacking`` has the rules for what is inside, ``packing`` is the way back.
"""

from __future__ import annotations

import enum
import shutil
import tempfile
from pathlib import Path

from fission.base import tararchives, unpacking, ziparchives

UnsafeArchive = unpacking.UnsafeArchive
Limits = unpacking.Limits
DEFAULT_LIMITS = Limits()
HEAD_BYTES = 4096
"""Of an archive, what ``form_of`` needs to see."""
_OTHERS = {
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
}
_BZIP2_BLOCK = b"1AY&SY"


class Form(enum.Enum):
    """What an archive is."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    FILE = "file"


def form_of(head: bytes) -> Form:
    """Tell by its first ``HEAD_BYTES`` what something is; raises UnsafeArchive for what is neither
    a file nor an archive of ours."""
    if head[:4] in ziparchives.MAGIC:
        return Form.ZIP
    if tararchives.begins_like_gzipped_tar(head):
        return Form.TAR_GZ
    for magic, name in _OTHERS.items():
        if head.startswith(magic) and (name != "bzip2" or head[4:10] == _BZIP2_BLOCK):
            raise UnsafeArchive(f"the archive is {name}; allowed are zip, tar and tar.gz")
    if tararchives.begins_like_tar(head):
        return Form.TAR
    return Form.FILE


def form_of_file(path: Path) -> Form:
    """The same for a file."""
    with path.open("rb") as file:
        return form_of(file.read(HEAD_BYTES))


def unpack(archive: Path, form: Form, target: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Unpack into ``target``, which must not exist yet; raises UnsafeArchive and leaves nothing.

    A fresh folder beside it is filled and renamed, so that nobody sees half of it.
    """
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        if form is Form.ZIP:
            ziparchives.unpack(archive, fresh, limits)
        elif form is Form.FILE:
            raise ValueError("a file is not unpacked")
        else:
            tararchives.unpack(archive, fresh, limits, gzipped=form is Form.TAR_GZ)
        fresh.chmod(0o755)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
