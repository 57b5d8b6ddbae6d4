"""Plain HTTP to a service of the platform: one small call, errors as ``meta.status`` says them."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final
from urllib import parse

from fission.cli import errors
from fission.meta import status
from fission_http import client as http_client
from fission_http import errors as http_errors

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
MAX_ERROR_BYTES: Final = 16 * 1024 * 1024
JSON: Final = (("Content-Type", "application/json"),)
TRANSFER_SECONDS: Final = 3600.0
"""Longest upload, download or followed log."""


class Caller:
    """A base URL and the connections to it."""

    def __init__(self, base_url: str, what: str) -> None:
        parts = parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.CliError(
                f"{base_url!r} is not the URL of {what}", remedy="want http://host:port"
            )
        self._base = base_url.rstrip("/")
        self._what = what
        self._http = http_client.Client()
        self._tls = None
        if parts.scheme == "https":
            import ssl

            self._tls = ssl.create_default_context()

    async def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        timeout_seconds: float = 60.0,
    ) -> http_client.ClientResponse:
        """Send one request; any status is an answer."""
        try:
            return await self._http.request(
                method,
                self._base + target,
                headers=headers,
                body=body,
                timeout_seconds=timeout_seconds,
                ssl_context=self._tls,
            )
        except http_errors.HttpError as error:
            raise errors.Unreachable(
                f"{self._what} at {self._base} cannot be reached: {error}"
            ) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()


async def read(response: http_client.ClientResponse, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """The body of a response, whole."""
    try:
        return await response.read(max_bytes)
    except http_errors.HttpError as error:
        raise errors.Unreachable(f"the answer broke off: {error}") from error


async def answered(
    response: http_client.ClientResponse, sink: Callable[[bytes], None] | None
) -> bytes:
    """The body of a response, whole; that of a success goes to the sink, if there is one."""
    if sink is None or response.status >= 400:
        return await read(response)
    async for chunk in chunks(response):
        sink(chunk)
    return b""


async def check(response: http_client.ClientResponse) -> http_client.ClientResponse:
    """The response, unless it is an error; then the error that it says."""
    if response.status < 400:
        return response
    raise error_of(response.status, await read(response, MAX_ERROR_BYTES))


def error_of(code: int, body: bytes) -> status.StatusError:
    """A Status, or plain text with a code, as an error."""
    import orjson

    try:
        return status.from_dict(orjson.loads(body), code)
    except orjson.JSONDecodeError:
        return status.from_dict(body, code)


async def chunks(response: http_client.ClientResponse) -> AsyncIterator[bytes]:
    """The body of a response, piece by piece."""
    try:
        async for chunk in response.iter_bytes():
            yield chunk
    except http_errors.HttpError as error:
        raise errors.Unreachable(f"the answer broke off: {error}") from error
    finally:
        await response.aclose()
