"""Streams an archive from a URL to a file: bounded, hashed on the way, patient with a restart.

Only a 2xx counts. A host that refuses, breaks off or answers 502, 503 or 504 is asked again for a
while: storagesvc may be restarting. Redirects are followed, unsigned, and never from https
to http. Where strangers' URLs lead is checked on a pool of connections of their own (``reach``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import pathlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib import parse

from fission.base import backoff
from fission.fetcher import errors, reach
from fission_http import client as http_client
from fission_http import errors as http_errors

PATIENCE_SECONDS: Final = 5.0
"""How long a stranger's host that is briefly away is waited for."""
STORAGE_PATIENCE_SECONDS: Final = 20.0
"""The same for storagesvc: its restart takes two, and many times that on a machine with no time."""
MAX_REDIRECTS: Final = 10
"""As Go's and browsers' clients."""
_WRITE_BYTES: Final = 1 << 20
_MAX_ERROR_BYTES: Final = 4096

Sign = Callable[[str, str], list[tuple[str, str]]]
"""Returns the headers that sign a request, from method and request URI."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where an archive is, and how to ask for it."""

    url: str
    sign: Sign | None = None
    is_trusted: bool = True
    """Whether it is ours; a person's URL may not lead everywhere."""


class _TryAgain(errors.FetcherError):
    """The host is briefly away."""


_PASSING: Final = (408, 425, 429)
"""Refusals of a request that say that the same may be answered later."""


class Downloader:
    """Downloads from ourselves and from strangers."""

    def __init__(
        self,
        http: http_client.Client,
        max_bytes: int,
        *,
        timeout_seconds: float,
        how_far: reach.Reach,
    ) -> None:
        self._http = http
        self._strangers = http_client.Client(permit=lambda peer: reach.check(peer, how_far))
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._ssl: ssl.SSLContext | None = None

    async def aclose(self) -> None:
        """Close the connections to strangers."""
        await self._strangers.aclose()

    async def save(self, location: Location, target: pathlib.Path) -> str:
        """Write the bytes to a new file and return their SHA-256."""
        loop = asyncio.get_running_loop()
        patience = STORAGE_PATIENCE_SECONDS if location.is_trusted else PATIENCE_SECONDS
        give_up_at = loop.time() + patience
        for pause in backoff.delays(0.05, cap_seconds=1.0):
            try:
                return await self._save_once(location, target)
            except _TryAgain as error:
                if loop.time() + pause > give_up_at:
                    raise errors.FetcherError(error.message) from error
            await asyncio.sleep(pause)
        raise AssertionError("delays never end")

    async def _save_once(self, location: Location, target: pathlib.Path) -> str:
        shown = location.url.split("?")[0]
        try:
            response = await self._open(location)
            async with response:
                return await self._write(response, target)
        except http_errors.BodyTooLarge as error:
            raise errors.BadRequest(
                f"archive {shown} is larger than the {self._max_bytes} bytes of"
                " FETCHER_MAX_ARCHIVE_MIB"
            ) from error
        except http_errors.HttpError as error:
            raise _TryAgain(f"archive {shown} could not be fetched: {error}") from error
        except ValueError as error:
            raise errors.BadRequest(f"archive URL {location.url[:200]!r}: {error}") from error

    async def _open(self, location: Location) -> http_client.ClientResponse:
        url, sign = location.url, location.sign
        http = self._http if location.is_trusted else self._strangers
        for _ in range(MAX_REDIRECTS + 1):
            response = await http.request(
                "GET",
                url,
                headers=sign("GET", request_uri(url)) if sign else (),
                timeout_seconds=self._timeout_seconds,
                ssl_context=self._tls(url),
            )
            redirect = response.headers.get("location")
            if response.status in (301, 302, 303, 307, 308) and redirect:
                await response.aclose()
                url, sign, http = _redirected(url, redirect), None, self._strangers
                continue
            if 200 <= response.status < 300:
                return response
            text = said(await response.read(_MAX_ERROR_BYTES))
            shown = url.split("?")[0]
            message = f"archive {shown} could not be fetched: {response.status} {text}"
            if response.status in (502, 503, 504):
                raise _TryAgain(message)
            if response.status == 404:
                raise errors.NotFound(f"{message}; give the package an archive that is there")
            if 400 <= response.status < 500 and sign is None and response.status not in _PASSING:
                raise errors.BadRequest(f"{message}; the fetcher asks without credentials")
            raise errors.FetcherError(message)
        raise errors.BadRequest(
            f"archive URL {location.url[:200]!r} redirects more than {MAX_REDIRECTS} times"
        )

    async def _write(self, response: http_client.ClientResponse, target: pathlib.Path) -> str:
        digest = hashlib.sha256()
        size = 0
        buffer = bytearray()
        with await asyncio.to_thread(target.open, "wb") as file:
            if int(response.headers.get("content-length") or 0) > self._max_bytes:
                raise http_errors.BodyTooLarge(self._max_bytes)
            async for chunk in response.iter_bytes():
                size += len(chunk)
                if size > self._max_bytes:
                    raise http_errors.BodyTooLarge(self._max_bytes)
                digest.update(chunk)
                buffer += chunk
                if len(buffer) >= _WRITE_BYTES:
                    full, buffer = buffer, bytearray()
                    await asyncio.to_thread(file.write, full)
            await asyncio.to_thread(file.write, buffer)
        return digest.hexdigest()

    def _tls(self, url: str) -> ssl.SSLContext | None:
        if not url.startswith("https:"):
            return None
        if self._ssl is None:
            self._ssl = ssl.create_default_context()
        return self._ssl


def said(body: bytes) -> str:
    """What an error's body says: the message of a Kubernetes Status, else its beginning. Pure."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("message"), str):
        text = found["message"]
    return text[:500]


def _redirected(url: str, location: str) -> str:
    target = parse.urljoin(url, location)
    if url.startswith("https:") and not target.startswith("https:"):
        raise errors.BadRequest(
            f"archive URL {url[:200]!r} redirects from https to {target[:200]!r}"
        )
    return target


def request_uri(url: str) -> str:
    """Path and query of a URL, as its receiver sees them and a signature covers them."""
    parts = parse.urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
