"""Calls to the fetcher and the builder of a builder pod, and to storagesvc; signed.

Every failure is translated here, once: what the source is to blame for becomes ``SourceFailed``,
what may pass ``PlatformFailed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.api import package_types
from fission.base import backoff
from fission.base import clock as clocks
from fission.buildermgr import builders, errors
from fission.contracts import builder as builder_wire
from fission.contracts import fetcher as fetcher_wire
from fission.contracts import gojson, signing, storage
from fission.kube import peers
from fission.meta import objectmeta
from fission.web import client as web_client
from fission_http import errors as http_errors

FETCH_TIMEOUT_SECONDS: Final = 330.0
"""The fetcher's own deadline for a download, and a little for unpacking."""
UPLOAD_TIMEOUT_SECONDS: Final = 330.0
CLEAN_TIMEOUT_SECONDS: Final = 5.0
LOOK_TIMEOUT_SECONDS: Final = 2.0
STORAGE_PATIENCE_SECONDS: Final = 30.0
"""How long an artifact waits for storagesvc: a restart of that does not cost a build."""
BUILD_MARGIN_SECONDS: Final = 30.0
"""A builder cuts a build off by itself; one that does not is left after this much longer."""
SILENCE_SECONDS: Final = 6 * builder_wire.HEARTBEAT_SECONDS
"""A builder that streams and says nothing for so long is gone without a farewell."""
MAX_ANSWER_BYTES: Final = 32 << 20
MAX_LINE_BYTES: Final = 4 << 20

SOURCE_FAULTS: Final = frozenset({400, 404, 413, 422})
ARTIFACT_FAULTS: Final = SOURCE_FAULTS - {404}
"""An artifact that the builder had, and that is not there, went with the builder."""


class Calls:
    """One kept-alive client for all of them."""

    def __init__(
        self,
        http: web_client.HttpClient,
        masters: signing.Masters,
        resolved: peers.Peers,
        platform_namespace: str,
        clock: clocks.Clock,
    ) -> None:
        self._http = http
        self._masters = masters
        self._peers = resolved
        self._platform_namespace = platform_namespace
        self._clock = clock

    async def storage_url(self) -> str:
        """Where storagesvc really is; raises PlatformFailed while nobody serves it."""
        found = await self._peers.urls(self._platform_namespace, "storagesvc", "http")
        if not found:
            raise errors.PlatformFailed("storagesvc has no ready pod")
        return found[0]

    async def storage_url_in_time(self) -> str:
        """Like ``storage_url``; waits for a storagesvc that is being started again."""
        give_up_at = self._clock.monotonic() + STORAGE_PATIENCE_SECONDS
        for pause in backoff.delays(0.1, cap_seconds=1.0):
            try:
                return await self.storage_url()
            except errors.PlatformFailed:
                if self._clock.monotonic() + pause > give_up_at:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("delays never end")

    def archive_url(self, archive_id: str) -> str:
        """An archive's URL as Packages hold it: by storagesvc's name, which outlives its pods."""
        return storage.archive_url(f"http://storagesvc.{self._platform_namespace}", archive_id)

    async def is_stored(self, url: str, namespace: str) -> bool:
        """Whether an archive of ours is still there; a URL that leads elsewhere is not ours."""
        archive_id = storage.archive_id(url)
        if archive_id is None or url != self.archive_url(archive_id):
            return False
        target = storage.archive_target(archive_id)
        headers = self._signed(
            signing.STORAGESVC, namespace, "HEAD", target, b"", announce_namespace=True
        )
        try:
            answer = await self._http.call(
                "HEAD",
                await self.storage_url() + target,
                headers,
                timeout_seconds=LOOK_TIMEOUT_SECONDS,
            )
        except (http_errors.HttpError, errors.PlatformFailed):
            return False  # then it is built, and what is in the way shows there
        return answer.status == 200

    async def fetch(
        self, target: builders.Target, package: package_types.Package, filename: str
    ) -> None:
        """Have the source put into the builder's directory."""
        metadata = package.metadata
        url = package.spec.source.url
        request = fetcher_wire.FunctionFetchRequest(
            fetch_type=fetcher_wire.FETCH_SOURCE,
            package=objectmeta.ObjectMeta(
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
            ),
            storagesvc_url=await self.storage_url() if storage.archive_id(url) else "",
            filename=filename,
            archive=package.spec.source,
            package_resource_version=metadata.resource_version,
        )
        await self._fetcher(
            target,
            fetcher_wire.FETCH,
            fetcher_wire.encode(request),
            FETCH_TIMEOUT_SECONDS,
            "the source could not be fetched",
        )

    async def upload(
        self, target: builders.Target, filename: str, *, pack: bool
    ) -> package_types.Archive:
        """Have the artifact stored; returns the archive as a Package holds it."""
        request = fetcher_wire.ArchiveUploadRequest(
            filename=filename,
            storagesvc_url=await self.storage_url_in_time(),
            archive_package=pack,
        )
        answer = await self._fetcher(
            target,
            fetcher_wire.UPLOAD,
            fetcher_wire.encode(request),
            UPLOAD_TIMEOUT_SECONDS,
            "the deployment archive could not be stored",
            ARTIFACT_FAULTS,
        )
        try:
            stored = fetcher_wire.decode_upload_response(answer.body)
        except gojson.MessageError as error:
            raise errors.PlatformFailed(f"the fetcher's answer is not one: {error}") from error
        archive_id = storage.archive_id(stored.archive_download_url)
        url = self.archive_url(archive_id) if archive_id else stored.archive_download_url
        return package_types.Archive(type=package_types.URL, url=url, checksum=stored.checksum)

    async def build(
        self,
        target: builders.Target,
        filename: str,
        command: str,
        emit: Callable[[str], None],
    ) -> str:
        """Run the build, handing its log over as it comes; returns the artifact's name."""
        request = builder_wire.BuildRequest(source_filename=filename, command=command)
        body = builder_wire.encode(request)
        headers = [
            ("Accept", f"{builder_wire.STREAM_TYPE}, application/json;q=0.9"),
            *self._signed(signing.BUILDER, target.namespace, "POST", builder_wire.BUILD, body),
        ]
        try:
            response = await self._http.request(
                "POST",
                target.builder_url + builder_wire.BUILD,
                headers,
                body,
                timeout_seconds=target.build_timeout_seconds + BUILD_MARGIN_SECONDS,
            )
            async with response:
                if builder_wire.STREAM_TYPE in (response.headers.get("content-type") or ""):
                    outcome = await _read_stream(response, emit)
                else:
                    outcome = await _read_whole(response, emit)
        except http_errors.RequestTimeout as error:
            raise errors.SourceFailed(
                f"the build was given up after {target.build_timeout_seconds:g} s", "BuildTimeout"
            ) from error
        except http_errors.HttpError as error:
            raise errors.PlatformFailed(f"the builder was lost: {error}") from error
        if outcome.code == 200 and outcome.artifact_filename:
            return outcome.artifact_filename
        message = outcome.error or f"the builder answered {outcome.code}"
        if outcome.code in (400, 500):
            raise errors.SourceFailed(message, outcome.reason or "BuildFailed")
        raise errors.PlatformFailed(message)

    async def clean(self, target: builders.Target, filename: str) -> None:
        """Have source and artifact removed; whoever cannot be reached has nothing to remove."""
        path = builder_wire.clean_target(filename)
        headers = self._signed(signing.BUILDER, target.namespace, "DELETE", path, b"")
        try:
            await self._http.call(
                "DELETE",
                target.builder_url + path,
                headers,
                timeout_seconds=CLEAN_TIMEOUT_SECONDS,
            )
        except http_errors.HttpError:
            return

    async def _fetcher(
        self,
        target: builders.Target,
        path: str,
        body: bytes,
        timeout_seconds: float,
        failed: str,
        source_faults: frozenset[int] = SOURCE_FAULTS,
    ) -> web_client.Answer:
        headers = self._signed(signing.FETCHER, target.namespace, "POST", path, body)
        try:
            answer = await self._http.call(
                "POST",
                target.fetcher_url + path,
                headers,
                body,
                timeout_seconds=timeout_seconds,
                replay=path == fetcher_wire.FETCH,
            )
        except http_errors.HttpError as error:
            raise errors.PlatformFailed(f"{failed}: {error}") from error
        if answer.ok:
            return answer
        message = f"{failed}: {answer.text() or f'the fetcher answered {answer.status}'}"
        if answer.status in source_faults:
            raise errors.SourceFailed(message, "ArchiveRefused")
        raise errors.PlatformFailed(message)

    def _signed(
        self,
        service: str,
        namespace: str,
        method: str,
        target: str,
        body: bytes,
        *,
        announce_namespace: bool = False,
    ) -> list[tuple[str, str]]:
        key = self._masters.keys(service, namespace).current
        if key is None:
            return []
        now = self._clock.now().timestamp()
        said = namespace if announce_namespace else ""
        return signing.headers(key, method, target, body, now, namespace=said)


async def _read_stream(
    response: web_client.ClientResponse, emit: Callable[[str], None]
) -> builder_wire.BuildOutcome:
    rest = b""
    async for chunk in _unless_silent(response.iter_bytes()):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            found = _decode(line)
            if isinstance(found, builder_wire.BuildOutcome):
                return found
            if found:
                emit(found)
        if len(rest) > MAX_LINE_BYTES:
            raise errors.PlatformFailed("the builder sent a line without end")
    raise errors.PlatformFailed("the builder was lost: its answer ended too early")


async def _unless_silent(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise errors.PlatformFailed("the builder was lost: it fell silent") from error
        if chunk is None:
            return
        yield chunk


async def _read_whole(
    response: web_client.ClientResponse, emit: Callable[[str], None]
) -> builder_wire.BuildOutcome:
    """The answer of a builder that does not stream."""
    body = await response.read(MAX_ANSWER_BYTES)
    try:
        answer = builder_wire.decode_response(body)
    except gojson.MessageError:
        text = body.decode("utf-8", "replace").strip()[:2000]
        code = response.status if response.status != 500 else 502
        return builder_wire.BuildOutcome(code=code, error=text)
    emit(answer.build_logs)
    error = "" if response.status == 200 else "the build failed"
    return builder_wire.BuildOutcome(
        code=response.status, error=error, artifact_filename=answer.artifact_filename
    )


def _decode(line: bytes) -> str | builder_wire.BuildOutcome:
    try:
        return builder_wire.decode_line(line)
    except gojson.MessageError as error:
        raise errors.PlatformFailed(f"the builder's answer is not one: {error}") from error
