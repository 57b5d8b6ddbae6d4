"""An archive on its way out: hashed as it goes, its end held back until the hash is right.

A damaged archive is thus never served as a good one: a small one is answered 500, a large one ends
before its Content-Length, which every client takes for a failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator

from fission.base import errors
from fission.storagesvc import metrics, objectstore
from fission_http import errors as http_errors

logger = logging.getLogger(__name__)

WHOLE_BYTES = 1 << 20
"""Archives up to this size are checked before the answer begins."""


async def whole(archive_id: str, found: objectstore.Download, counts: metrics.Metrics) -> bytes:
    """The bytes of a small archive; raises DamagedArchive."""
    result = metrics.BROKEN
    try:
        content = b"".join([chunk async for chunk in _checked(found)])
        result = metrics.SENT
    except objectstore.DamagedArchive as error:
        result = metrics.DAMAGED
        logger.error("download refused", extra={"id": archive_id, "error": error.message})
        raise
    finally:
        counts.downloads[result] += 1
        await found.aclose()
    counts.sent_bytes += len(content)
    return content


async def stream(
    archive_id: str, found: objectstore.Download, counts: metrics.Metrics
) -> AsyncIterator[bytes]:
    """The bytes of an archive; breaks off before its end when it is damaged."""
    result = metrics.BROKEN
    try:
        async for chunk in _checked(found):
            yield chunk
            counts.sent_bytes += len(chunk)
        result = metrics.SENT
    except errors.Error as error:
        if isinstance(error, objectstore.DamagedArchive):
            result = metrics.DAMAGED
        logger.error("download broken off", extra={"id": archive_id, "error": error.message})
        raise http_errors.ProtocolError(error.message) from error
    finally:
        counts.downloads[result] += 1
        await found.aclose()


async def _checked(found: objectstore.Download) -> AsyncIterator[bytes]:
    """Yield the chunks; the last one only when all of them hash to what they must."""
    digest = hashlib.sha256()
    held = b""
    async for chunk in found.chunks():
        await asyncio.to_thread(digest.update, chunk)
        if held:
            yield held
        held = chunk
    if found.sha256 and digest.hexdigest() != found.sha256:
        raise objectstore.DamagedArchive(
            f"the archive is damaged: its sha256 is {digest.hexdigest()},"
            f" it was stored with {found.sha256}"
        )
    if held:
        yield held
