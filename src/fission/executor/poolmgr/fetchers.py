"""Calls to the fetchers of pods: specialize, and who has claimed the pod. Signed per namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from fission.base import clock as clocks
from fission.contracts import coldstart, signing
from fission.contracts import fetcher as wire
from fission.executor import errors
from fission.executor.poolmgr import pool
from fission.web import client as web_client
from fission_http import errors as http_errors

CLAIM_TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Claim:
    """A function's claim on a pod, as its fetcher tells it."""

    uid: str
    generation: int = 0
    namespace: str = ""
    name: str = ""
    state: str = ""
    """``claimed``, ``loaded`` or ``failed``."""
    loading: bool = False
    """Somebody is at it: another executor, most likely."""
    websockets: bool = False
    """The runtime has said that clients hold WebSockets."""


class Fetchers:
    """One kept-alive client for all of them."""

    def __init__(
        self,
        http: web_client.HttpClient,
        masters: signing.Masters,
        clock: clocks.Clock,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """``fence`` raises when this executor may not act."""
        self._http = http
        self._masters = masters
        self._clock = clock
        self._fence = fence
        self._keys: dict[str, signing.Keys] = {}

    async def specialize(
        self,
        pod: pool.GenericPod,
        request: wire.FunctionSpecializeRequest,
        timeout_seconds: float,
    ) -> list[coldstart.Step]:
        """Return when the pod serves the function: what the fetcher tells of its own steps.

        Raises PodLost when another pod should be tried, SpecializationFailed otherwise.
        """
        try:
            answer = await self._call(
                "POST", pod, wire.SPECIALIZE, wire.encode(request), timeout_seconds
            )
        except http_errors.RequestTimeout as error:
            raise errors.SpecializationFailed(
                f"pod {pod.namespace}/{pod.name} did not load the function "
                f"within its specialization timeout of {timeout_seconds:.0f} s",
                final=True,
            ) from error
        except http_errors.HttpError as error:
            raise errors.PodLost(f"pod {pod.namespace}/{pod.name}: {error}") from error
        if answer.status < 300:
            return coldstart.parse_header(answer.headers.get(coldstart.TIMING_HEADER) or "")
        text = answer.text()
        if answer.status == 409:
            raise errors.PodLost(f"pod {pod.namespace}/{pod.name}: {text}")
        said_by_runtime = wire.RUNTIME_HEADER in answer.headers
        final = said_by_runtime or answer.status in (400, 404, 413)
        message = text or f"the fetcher answered {answer.status}"
        raise errors.SpecializationFailed(message, final=final)

    async def prefetch(
        self, pod: pool.GenericPod, request: wire.FunctionFetchRequest, timeout_seconds: float
    ) -> None:
        """Have what a pod of the pool will need unpacked; raises ExecutorError or HttpError."""
        body = wire.encode(request)
        answer = await self._call("POST", pod, wire.PREFETCH, body, timeout_seconds)
        # 404: a fetcher of upstream's
        if answer.status >= 300 and answer.status != 404:
            raise errors.SpecializationFailed(answer.text(), final=False)

    async def claims(self, pod: pool.GenericPod) -> list[Claim]:
        """The functions that have claimed the pod; raises PodLost when it does not say."""
        try:
            answer = await self._call("GET", pod, wire.CLAIM, b"", CLAIM_TIMEOUT_SECONDS)
        except http_errors.HttpError as error:
            raise errors.PodLost(f"pod {pod.namespace}/{pod.name}: {error}") from error
        if answer.status == 404:
            return []  # a fetcher that does not tell: its pods are known by their labels only
        if answer.status != 200:
            raise errors.PodLost(f"pod {pod.namespace}/{pod.name} answered {answer.status}")
        return msgspec.json.decode(answer.body, type=list[Claim])

    async def _call(
        self, method: str, pod: pool.GenericPod, path: str, body: bytes, timeout_seconds: float
    ) -> web_client.Answer:
        self._fence()
        return await self._http.call(
            method,
            f"http://{pod.fetcher_address}{path}",
            self._signed(pod.namespace, method, path, body),
            body,
            timeout_seconds=timeout_seconds,
            max_bytes=MAX_ANSWER_BYTES,
            replay=True,  # the claim makes repeating harmless
        )

    def _signed(self, namespace: str, method: str, path: str, body: bytes) -> list[tuple[str, str]]:
        keys = self._keys.get(namespace)
        if keys is None:
            keys = self._keys[namespace] = self._masters.keys(signing.FETCHER, namespace)
        if keys.current is None:
            return []
        return signing.headers(keys.current, method, path, body, self._clock.now().timestamp())
