"""Storagesvc: archives by opaque id.

An upload is a multipart form with one file, its size declared in ``X-File-Size``. Ids contain
slashes, so they travel escaped in the query.
"""

from typing import ClassVar, Final
from urllib import parse

from fission.api import schema
from fission.contracts import gojson

PORT: Final = 8000
SOCKET_NAME: Final = "http"
ARCHIVE: Final = "/v1/archive"
APPLICATION: Final = "fission-storage"
"""Value of the label ``application`` of the Service."""
HEALTHZ: Final = "/healthz"

FILE_FIELD: Final = "uploadfile"
FILE_SIZE_HEADER: Final = "X-File-Size"
FILE_SHA256_HEADER: Final = "X-File-Sha256"
"""Our own, optional: what the file must hash to, so that a damaged upload is refused at once."""
STORAGE_TYPE_HEADER: Final = "X-FISSION-STORAGETYPE"
BUCKET_HEADER: Final = "X-FISSION-BUCKET"
STORAGE_LOCAL: Final = "local"
STORAGE_S3: Final = "s3"
ID_PREFIX: Final = "/fission/fission-functions/"


class UploadResponse(schema.Model):
    """The id of an archive that was stored."""

    written: ClassVar[tuple[str, ...]] = ("id",)

    id: str = ""


def archive_target(archive_id: str) -> str:
    """Path and query of one archive."""
    return f"{ARCHIVE}?id={parse.quote(archive_id, safe='')}"


def archive_url(base_url: str, archive_id: str) -> str:
    """URL of one archive, as it is written into Packages."""
    return base_url.rstrip("/") + archive_target(archive_id)


def archive_id(url: str) -> str | None:
    """The id in an archive's URL, or None when the URL is not one of storagesvc."""
    parts = parse.urlsplit(url)
    if not parts.path.endswith(ARCHIVE):
        return None
    values = parse.parse_qs(parts.query).get("id")
    return values[0] if values else None


def decode_upload(content: bytes) -> UploadResponse:
    """Answer of an upload."""
    return gojson.decode(content, UploadResponse)


def encode_upload(response: UploadResponse) -> bytes:
    """Answer of an upload."""
    return gojson.encode(response)


def multipart(filename: str, boundary: str) -> tuple[str, bytes, bytes]:
    """Content type, bytes before and bytes after the file of an upload."""
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{FILE_FIELD}"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n"
    return f"multipart/form-data; boundary={boundary}", head.encode(), tail.encode()
