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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fission.api import objects, package_lifecycle, package_types, resources
from fission.base import clock as clocks
from fission.base import podenv, singleflight
from fission.contracts import fetcher as wire
from fission.contracts import signing
from fission.fetcher import (
    claims,
    config,
    errors,
    fetch,
    mounts,
    runtime,
    upload,
    volume,
)
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from fission_http import client as http_client

logger = logging.getLogger(__name__)

STATE_DIR: Final = "/var/run/fission-fetcher"
"""Declared path of the volume that only the fetcher's container mounts; holds the claim."""
CLAIM_FILE: Final = "claims"


@dataclass(frozen=True)
class Shared:
    """What the pods of one fetcher process have in common."""

    http: http_client.Client
    archives: fetch.ArchiveFetcher
    runtime_wait_seconds: float
    clock: clocks.Clock


class Pod:
    """The work of one pod's fetcher."""

    def __init__(self, arguments: config.Arguments, env: Mapping[str, str], shared: Shared) -> None:
        self._env = env
        self._shared = shared
        self._arguments = arguments
        self._volumes: dict[str, volume.Volume] = {}
        state_dir = pathlib.Path(podenv.volume_path(STATE_DIR, env))
        self.claims = claims.Claims(state_dir / CLAIM_FILE if state_dir.is_dir() else None)
        self.keys = signing.keys_from_env(env, signing.FETCHER_KEY_VARIABLE, signing.FETCHER)
        self._storage_keys = signing.keys_from_env(
            env, signing.STORAGE_KEY_VARIABLE, signing.STORAGESVC
        )
        # A derived key is the share of the pod's namespace, and storagesvc must be told of which.
        derived = signing.STORAGE_KEY_VARIABLE in env
        self._storage_namespace = env.get("POD_NAMESPACE", "") if derived else ""
        self._runtime_url = runtime.base_url(env)
        self._kube: kube_client.Client | None = None
        self._specializing: singleflight.SingleFlight[str, None] = singleflight.SingleFlight()
        self._loading: set[str] = set()
        self.is_ready = not arguments.specialize_on_startup

    def prepare(self) -> None:
        """Open what the first call needs; a volume that is not there yet is opened then."""
        with contextlib.suppress(errors.FetcherError):
            self._shared_volume()

    async def aclose(self) -> None:
        """Give descriptors and connections back."""
        self.claims.close()
        for opened in self._volumes.values():
            opened.close()
        if self._kube is not None:
            await self._kube.aclose()

    async def specialize_on_startup(self) -> None:
        """Specialize as the command line says; readiness follows. A failure ends the process."""
        request = wire.decode_specialize(self._arguments.specialize_request.encode())
        await self.specialize(request)
        self.is_ready = True

    async def specialize(self, request: wire.FunctionSpecializeRequest) -> None:
        """Claim the pod for the function and have the runtime load it; repeating it is harmless."""
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
        if record.state is claims.State.FAILED:
            raise errors.RuntimeRefused(record.status, record.message)
        if record.state is claims.State.CLAIMED:
            await self._specializing.do(uid, lambda: self._specialize(request, record))

    def is_loading(self, uid: str) -> bool:
        """Whether somebody is at this moment specializing the pod for the function."""
        return uid in self._loading

    async def fetch(self, request: wire.FunctionFetchRequest) -> None:
        """Bring the code, unless something of that name lies there already."""
        if not self._shared_volume().exists(request.filename):
            await self._put_code(request)
        await self._put_mounts(request)

    async def upload(self, request: wire.ArchiveUploadRequest) -> wire.ArchiveUploadResponse:
        """Take an artifact to storagesvc."""
        return await upload.upload(
            self._shared.http, self._shared_volume(), request, self._sign_storage
        )

    def server_info(self, version: str) -> dict[str, Any]:
        """What ``/version`` answers."""
        return {
            "build": {"gitCommit": "", "buildDate": "", "version": version},
            "serverTime": clocks.format_rfc3339(self._shared.clock.now()),
        }

    async def report_websocket(self, reason: str) -> None:
        """Tell the executor, by a Kubernetes Event on the pod, about its websockets."""
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
    ) -> None:
        self._loading.add(record.uid)
        try:
            await asyncio.gather(self._put_code(request.fetch), self._put_mounts(request.fetch))
            await runtime.load(
                self._shared.http,
                self._runtime_url,
                request.load,
                self._shared.runtime_wait_seconds,
            )
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

    async def _put_code(self, request: wire.FunctionFetchRequest) -> None:
        volume.checked_parts(request.filename)
        await self._shared.archives.put(
            await self._archive(request),
            self._shared_volume(),
            request.filename,
            keep_archive=request.keep_archive,
            storage_url=request.storagesvc_url,
            sign=self._sign_download if self._storage_keys.enabled else None,
        )

    async def _put_mounts(self, request: wire.FunctionFetchRequest) -> None:
        if request.secret_list:
            target = self._volume(self._arguments.secret_dir)
            await mounts.put_secrets(request.secret_list, target, self._api())
        if request.config_map_list:
            target = self._volume(self._arguments.config_dir)
            await mounts.put_config_maps(request.config_map_list, target, self._api())

    async def _archive(self, request: wire.FunctionFetchRequest) -> package_types.Archive:
        if request.fetch_type == wire.FETCH_URL:
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
                found = volume.Volume(path)
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
