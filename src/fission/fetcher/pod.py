"""One pod, as its fetcher sees it: its volumes, its claim, its runtime, its rights.

A fetcher of a node has many of these. Everything that differs between pods comes in through the
arguments and the environment that the pod's own fetcher container would have had; what they share
(connections, the cache of trees) comes in as ``Shared``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pathlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from fission.api import objects, package_lifecycle, package_types, resources
from fission.base import backoff, podenv, singleflight
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.contracts import fetcher as wire
from fission.contracts import signing
from fission.fetcher import (
    claims,
    config,
    errors,
    fetch,
    mounts,
    runtime,
    startup,
    upload,
    variables,
    volume,
    websockets,
)
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from fission_http import client as http_client
from fission_http import errors as http_errors

logger = logging.getLogger(__name__)
V = TypeVar("V")

_FETCH_TYPES: Final = (wire.FETCH_SOURCE, wire.FETCH_DEPLOYMENT, wire.FETCH_URL)
STATE_DIR: Final = "/var/run/fission-fetcher"
"""Declared path of the volume that only the fetcher's container mounts; holds the claim."""
CLAIM_FILE: Final = "claims"
MOUNTS_FILE: Final = "mounts"
REFRESHES_AT_ONCE: Final = 4
"""Of all pods of a process: a node full of them asks the API server in turn."""


@dataclass(frozen=True)
class Shared:
    """What the pods of one fetcher process have in common."""

    http: http_client.Client
    archives: fetch.ArchiveFetcher
    runtime_wait_seconds: float
    refresh_seconds: float
    clock: clocks.Clock
    startup_retry_seconds: float = 60.0
    work_dir: pathlib.Path | None = None
    """Where what is packed lies while it is sent; None is the system's place."""
    refreshing: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(REFRESHES_AT_ONCE)
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a specialization; parts follow each other."""

    name: str
    seconds: float


def _steps(took: Mapping[str, float]) -> list[Step]:
    """What took how long: of settings, read beside the code, what the code did not take."""
    fetch, settings = took["fetch"], took["settings"]
    return [
        Step("fetch", fetch),
        Step("settings", max(0.0, settings - fetch)),
        Step("load", took["load"]),
    ]


class Pod:
    """The work of one pod's fetcher."""

    def __init__(self, arguments: config.Arguments, env: Mapping[str, str], shared: Shared) -> None:
        self._env = env
        self._shared = shared
        self._arguments = arguments
        self._volumes: dict[str, volume.Volume] = {}
        state_dir = pathlib.Path(podenv.volume_path(STATE_DIR, env))
        has_state = state_dir.is_dir()
        self.claims = claims.Claims(state_dir / CLAIM_FILE if has_state else None)
        self.websockets = websockets.Websockets(state_dir if has_state else None)
        self._mounts = mounts.Mounts(
            self._api, self._settings_volume, state_dir / MOUNTS_FILE if has_state else None
        )
        self.keys = signing.keys_from_env(env, signing.FETCHER_KEY_VARIABLE, signing.FETCHER)
        self._storage_keys = signing.keys_from_env(
            env, signing.STORAGE_KEY_VARIABLE, signing.STORAGESVC
        )
        # A derived key is the share of the pod's namespace, and storagesvc must be told of which.
        derived = signing.STORAGE_KEY_VARIABLE in env
        self._storage_namespace = env.get("POD_NAMESPACE", "") if derived else ""
        self._runtime_url = runtime.base_url(env)
        self._kube: kube_client.Client | None = None
        self._specializing: singleflight.SingleFlight[str, list[Step]] = singleflight.SingleFlight()
        self._loading: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        # What was loaded before this process serves, whatever is away now.
        is_loaded = any(each.state is claims.State.LOADED for each in self.claims.records())
        self.is_ready = is_loaded or not arguments.specialize_on_startup
        self.problem = ""
        """Why it is not ready yet, once something has failed."""

    def prepare(self) -> None:
        """Open what the first call needs; a volume that is not there yet is opened then."""
        with contextlib.suppress(errors.FetcherError):
            opened = self._shared_volume()
            left = opened.leftovers()
            if left:
                self._spawn(asyncio.to_thread(_remove_all, opened, left))
        self._keep_refreshing()

    async def aclose(self) -> None:
        """Give descriptors and connections back; what is being written is given up."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.claims.close()
        for opened in self._volumes.values():
            opened.close()
        if self._kube is not None:
            await self._kube.aclose()

    async def specialize_on_startup(self) -> None:
        """Specialize as the command line says; readiness follows. Raises StartupFailed.

        What may pass (storagesvc away, a package that is still built) is tried again for a while.
        """
        if self.is_ready:
            return
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._shared.startup_retry_seconds
        for pause in backoff.delays(0.1, cap_seconds=3.0):
            try:
                await self._specialize_on_startup()
            except (base_errors.Error, http_errors.HttpError, OSError) as error:
                self.problem = str(error)
                if not startup.may_pass(error) or loop.time() + pause > give_up_at:
                    raise errors.StartupFailed(startup.cause(error)) from error
                logger.warning("not specialized yet", extra={"error": self.problem})
            else:
                self.is_ready, self.problem = True, ""
                return
            await asyncio.sleep(pause)

    def begin_startup(self, on_end: Callable[[str], None]) -> None:
        """Specialize as the arguments say in the background; ``on_end`` is told why that failed."""

        async def run() -> None:
            try:
                await self.specialize_on_startup()
            except Exception as error:
                logger.error("pod not specialized at start", extra={"error": str(error)})
                on_end(str(error) or repr(error))

        self._spawn(run())

    async def _specialize_on_startup(self) -> None:
        request = wire.decode_specialize(self._arguments.specialize_request.encode())
        # The template may be old: the package and storagesvc are where they are now.
        request.fetch.archive = archive = await self._archive(request.fetch)
        found = await startup.storage_url(self._api, archive.url)
        request.fetch.storagesvc_url = found or request.fetch.storagesvc_url
        await self.specialize(request, again=True)

    async def specialize(
        self, request: wire.FunctionSpecializeRequest, *, again: bool = False
    ) -> list[Step]:
        """Claim the pod for the function and have the runtime load it; repeating it is harmless.

        Returns what took how long; nothing when it was loaded before. A refusal of the runtime is
        final, unless it is asked ``again``: then for the same code.
        """
        metadata = request.load.function_metadata
        uid = request.fetch.function_uid or (metadata.uid if metadata else "")
        if not uid:
            raise errors.BadRequest(
                "the function is not named: neither FetchReq.functionUid nor "
                "LoadReq.FunctionMetadata.uid is given"
            )
        wanted = claims.Record(
            uid=uid,
            generation=metadata.generation if metadata else 0,
            namespace=metadata.namespace if metadata else "",
            name=metadata.name if metadata else "",
        )
        record = self.claims.claim(wanted, shared=request.fetch.filename == uid)
        if record.state is claims.State.FAILED and not again:
            raise errors.RuntimeRefused(record.status, record.message)
        if record.state is claims.State.LOADED:
            return []
        return await self._specializing.do(uid, lambda: self._specialize(request, record))

    def is_loading(self, uid: str) -> bool:
        """Whether somebody is at this moment specializing the pod for the function."""
        return uid in self._loading

    async def fetch(self, request: wire.FunctionFetchRequest) -> None:
        """Bring the code, unless something of that name lies there already."""
        await self._put_code_once(request)
        await self._put_mounts(request)

    async def prefetch(self, request: wire.FunctionFetchRequest) -> None:
        """Have the archive at hand for whichever pod wants it; this one's volume is not touched."""
        await self._shared.archives.prefetch(
            await self._archive(request),
            keep_archive=request.keep_archive,
            storage_url=request.storagesvc_url,
            sign=self._sign_download if self._storage_keys.enabled else None,
        )

    async def upload(self, request: wire.ArchiveUploadRequest) -> wire.ArchiveUploadResponse:
        """Take an artifact to storagesvc."""
        return await upload.upload(
            self._shared.http,
            self._shared_volume(),
            request,
            self._sign_storage,
            self._shared.work_dir,
        )

    def server_info(self, version: str) -> dict[str, Any]:
        """What ``/version`` answers."""
        return {
            "build": {"gitCommit": "", "buildDate": "", "version": version},
            "serverTime": clocks.format_rfc3339(self._shared.clock.now()),
        }

    async def report_websocket(self, *, is_open: bool) -> None:
        """Remember whether clients hold websockets, and tell by a Kubernetes Event on the pod."""
        self.websockets.note(is_open=is_open)
        reason = "WsConnectionStarted" if is_open else "NoActiveConnections"
        folder = pathlib.Path(podenv.volume_path(wire.PODINFO_DIR, self._env))
        try:
            name = (folder / "name").read_text().strip()
            namespace = (folder / "namespace").read_text().strip()
        except OSError as error:
            raise errors.FetcherError(f"the pod's name is not known: {error}") from error
        moment = clocks.format_rfc3339(self._shared.clock.now())
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{name[:50]}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": name,
                "namespace": namespace,
            },
            "type": "Normal",
            "reason": reason,
            "message": reason,
            "source": {"component": "fetcher"},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        await self._api().create(gvk.EVENTS, event, namespace)

    async def _specialize(
        self, request: wire.FunctionSpecializeRequest, record: claims.Record
    ) -> list[Step]:
        self._loading.add(record.uid)
        has_run = record.state is claims.State.FAILED  # then nothing is replaced
        put_code = self._put_code_once if has_run else self._put_code
        took: dict[str, float] = {}
        try:
            _, variables_of = await asyncio.gather(
                self._timed(took, "fetch", put_code(request.fetch)),
                self._timed(took, "settings", self._put_settings(request.fetch, record)),
            )
            loading = runtime.load(
                self._shared.http,
                self._runtime_url,
                msgspec.structs.replace(request.load, env=variables_of),
                self._shared.runtime_wait_seconds,
            )
            await self._timed(took, "load", loading)
        except errors.RuntimeRefused as error:
            self.claims.mark_failed(record, error.status, error.message)
            raise
        finally:
            self._loading.discard(record.uid)
        self.claims.mark_loaded(record)
        logger.info(
            "function loaded",
            extra={"namespace": record.namespace, "function": record.name, "uid": record.uid},
        )
        return _steps(took)

    async def _timed(self, took: dict[str, float], name: str, work: Coroutine[Any, Any, V]) -> V:
        before = self._shared.clock.monotonic()
        found = await work
        took[name] = self._shared.clock.monotonic() - before
        return found

    async def _put_code(self, request: wire.FunctionFetchRequest) -> None:
        volume.checked_name(request.filename)
        await self._shared.archives.put(
            await self._archive(request),
            self._shared_volume(),
            request.filename,
            keep_archive=request.keep_archive,
            storage_url=request.storagesvc_url,
            sign=self._sign_download if self._storage_keys.enabled else None,
        )

    async def _put_code_once(self, request: wire.FunctionFetchRequest) -> None:
        if self._shared_volume().identity(volume.checked_name(request.filename)) is None:
            await self._put_code(request)

    async def _put_settings(
        self, request: wire.FunctionFetchRequest, record: claims.Record
    ) -> dict[str, str]:
        """Files of Secrets and ConfigMaps; returns the variables."""
        namespace = record.namespace or request.package.namespace
        _, found = await asyncio.gather(
            self._put_mounts(request), variables.read(self._api, request, namespace)
        )
        return found

    async def _put_mounts(self, request: wire.FunctionFetchRequest) -> None:
        await self._mounts.put(request)
        self._keep_refreshing()

    def _keep_refreshing(self) -> None:
        if self._refreshing is None and len(self._mounts) and self._shared.refresh_seconds:
            self._refreshing = self._spawn(self._refresh())

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._shared.refresh_seconds)
            async with self._shared.refreshing:
                await self._mounts.refresh()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _settings_volume(self, kind: str) -> volume.Volume:
        is_secret = kind == gvk.SECRETS.kind
        return self._volume(self._arguments.secret_dir if is_secret else self._arguments.config_dir)

    async def _archive(self, request: wire.FunctionFetchRequest) -> package_types.Archive:
        if request.fetch_type not in _FETCH_TYPES:
            raise errors.BadRequest(
                f"fetchType is {request.fetch_type}; allowed are 0 (source archive), "
                "1 (deployment archive) and 2 (url)"
            )
        if request.fetch_type == wire.FETCH_URL:
            if not request.url:
                raise errors.BadRequest("url must be given for fetchType 2")
            return package_types.Archive(type=package_types.URL, url=request.url)
        if request.archive is not None:
            return request.archive
        named = request.package
        try:
            found = await self._api().get(resources.PACKAGES, named.name, named.namespace)
        except status.NotFound as error:
            raise errors.NotFound(
                f"package {named.namespace}/{named.name} does not exist"
            ) from error
        package = objects.decode(package_types.Package, found)
        if request.fetch_type == wire.FETCH_SOURCE:
            return package.spec.source
        if not package_lifecycle.is_loadable(package):
            raise errors.FetcherError(
                f"package {named.namespace}/{named.name} is not built: "
                f"its build status is {package.status.build_status!r}"
            )
        return package.spec.deployment

    def _shared_volume(self) -> volume.Volume:
        return self._volume(self._arguments.shared_dir)

    def _volume(self, declared: str) -> volume.Volume:
        found = self._volumes.get(declared)
        if found is None:
            path = pathlib.Path(podenv.volume_path(declared, self._env))
            try:
                found = volume.Volume(path, for_builders=declared == wire.PACKAGES_DIR)
            except OSError as error:
                raise errors.FetcherError(f"volume {declared} cannot be opened: {error}") from error
            self._volumes[declared] = found
        return found

    def _api(self) -> kube_client.Client:
        if self._kube is None:
            self._kube = kube_client.Client(kube_config.load(self._env), user_agent="fetcher")
        return self._kube

    def _sign_download(self, method: str, request_uri: str) -> list[tuple[str, str]]:
        return self._sign_storage(method, request_uri, signing.EMPTY_BODY_HASH)

    def _sign_storage(
        self, method: str, request_uri: str, body_sha256: str
    ) -> list[tuple[str, str]]:
        if self._storage_keys.current is None:
            return []
        now = self._shared.clock.now().timestamp()
        return signing.headers(
            self._storage_keys.current,
            method,
            request_uri,
            body_sha256,
            now,
            namespace=self._storage_namespace,
        )


def _remove_all(opened: volume.Volume, names: Sequence[str]) -> None:
    for name in names:
        opened.remove(name)
