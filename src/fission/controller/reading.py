"""Kubernetes' own objects around ours, read only: pods, their logs, events, deployments; watches.

A path below ``contracts.controller.KUBERNETES`` is one of the Kubernetes API. It is taken apart,
asked for in the caller's name, and put together again from what was understood: nothing of a
request reaches the API server that was not looked at. Answers are passed on as they stream.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fission.api import resources
from fission.contracts import controller as contract
from fission.controller import access
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.web import service
from fission_http import client as http_client

WATCH_SECONDS: Final = 300
"""Longest watch, so that a right that was taken away ends; clients go on with a new one."""
FOLLOW_SECONDS: Final = 3600.0
"""Longest log that is followed, likewise."""
_GRACE_SECONDS: Final = 30.0
MOST_DIGITS: Final = 9

_LOG: Final = "log"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LIST_PARAMETERS: Final = frozenset(
    (
        "allowWatchBookmarks",
        "continue",
        "fieldSelector",
        "labelSelector",
        "limit",
        "resourceVersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "timeoutSeconds",
        "watch",
    )
)
_LOG_PARAMETERS: Final = frozenset(
    (
        "container",
        "follow",
        "limitBytes",
        "previous",
        "sinceSeconds",
        "sinceTime",
        "tailLines",
        "timestamps",
    )
)
_TRUE: Final = frozenset(("true", "1"))
_ALL_VERBS: Final = ("get", "list", "watch")
_POD_METRICS: Final = gvk.Resource("metrics.k8s.io", "v1beta1", "PodMetrics", "pods")
READABLE: Final[dict[gvk.Resource, tuple[str, ...]]] = {
    **dict.fromkeys(resources.ALL, _ALL_VERBS),
    **dict.fromkeys(
        (
            gvk.PODS,
            gvk.SERVICES,
            gvk.EVENTS,
            gvk.NAMESPACES,
            gvk.NODES,
            gvk.DEPLOYMENTS,
            gvk.REPLICASETS,
            gvk.ENDPOINTSLICES,
            gvk.HORIZONTALPODAUTOSCALERS,
        ),
        _ALL_VERBS,
    ),
    _POD_METRICS: ("get", "list"),
    gvk.CONFIGMAPS: ("get",),
    gvk.SECRETS: ("get",),
}
"""What there is to read, and how; the controller's ClusterRole has the same rights."""
_BY_PATH: Final = {
    (resource.prefix, resource.plural): (resource, verbs) for resource, verbs in READABLE.items()
}


@dataclass(frozen=True)
class Wanted:
    """What a request asks of the Kubernetes API."""

    operation: access.Operation
    target: str
    """Path and query, written anew."""
    timeout_seconds: float

    @property
    def is_stream(self) -> bool:
        """Whether it goes on for as long as somebody listens."""
        return self.timeout_seconds > _GRACE_SECONDS


class Reader:
    """Passes reads on, each with its caller's own rights."""

    def __init__(self, client: kube_client.Client, who: access.Access, max_streams: int) -> None:
        self._client = client
        self._access = who
        self._free = max_streams
        self._max_streams = max_streams

    async def handle(self, request: service.Request) -> service.Response:
        """Answer one read; raises Forbidden, also for what cannot be read this way at all."""
        person = await self._access.identify(request.headers.get("authorization"))
        path = request.path.removeprefix(contract.KUBERNETES)
        if path == contract.VERSION:  # public in Kubernetes, too
            answer = await self._ask(path, _GRACE_SECONDS)
            return service.Response(*_head(answer), _Stream(answer))
        wanted = parse(path, request.query_params)
        if person is None and wanted.operation.resource is gvk.SECRETS:
            raise status.Forbidden("secrets are read only in the name of a person with a token")
        await self._access.require(person, wanted.operation)
        if not wanted.is_stream:
            answer = await self._ask(wanted.target, wanted.timeout_seconds)
            return service.Response(*_head(answer), _Stream(answer))
        if self._free <= 0:
            raise status.TooManyRequests(
                f"{self._max_streams} watches and followed logs are open; close one, or raise "
                "CONTROLLER_MAX_STREAMS"
            )
        self._free -= 1
        try:
            answer = await self._ask(wanted.target, wanted.timeout_seconds)
        except BaseException:
            self._free += 1
            raise
        return service.Response(*_head(answer), _Stream(answer, self._release))

    def _release(self) -> None:
        self._free += 1

    async def _ask(self, target: str, timeout_seconds: float) -> http_client.ClientResponse:
        headers = [("Accept", "application/json, */*;q=0.1")]
        return await self._client.raw(
            "GET", target, headers=headers, timeout_seconds=timeout_seconds
        )


def parse(path: str, query: Mapping[str, str]) -> Wanted:
    """Return what a path of the Kubernetes API and its query ask for.

    Raises Forbidden for what is not readable here, BadRequest for what is no such path.
    """
    prefix, words = _split(path)
    namespace, words = _namespace_of(words)
    found = _BY_PATH.get((prefix, words[0])) if words else None
    if found is None or len(words) > 3:
        raise status.Forbidden(f"{path} cannot be read through the controller; use a kubeconfig")
    resource, verbs = found
    name = words[1] if len(words) > 1 else ""
    subresource = words[2] if len(words) > 2 else ""
    is_log = resource is gvk.PODS and subresource == _LOG
    if (subresource and not is_log) or (namespace and not resource.namespaced):
        raise status.Forbidden(f"{path} cannot be read through the controller; use a kubeconfig")
    parameters = _parameters(query, _LOG_PARAMETERS if is_log else _LIST_PARAMETERS)
    verb, timeout = "get", _GRACE_SECONDS
    if is_log and parameters.get("follow") in _TRUE:
        timeout = FOLLOW_SECONDS
    elif not name and parameters.get("watch") in _TRUE:
        verb = "watch"
        parameters["timeoutSeconds"] = str(_watch_seconds(parameters.get("timeoutSeconds", "")))
        timeout = WATCH_SECONDS + _GRACE_SECONDS
    elif not name:
        verb = "list"
        parameters.pop("watch", None)
    elif not is_log:
        parameters = {}
    if verb not in verbs:
        raise status.Forbidden(
            f"{verb} of {resource.plural} cannot be done through the controller; use a kubeconfig"
        )
    return Wanted(
        access.Operation(verb, resource, namespace, name or _named(parameters), subresource),
        _written(resource.path(namespace, name, subresource), parameters),
        timeout,
    )


def _split(path: str) -> tuple[str, list[str]]:
    """The prefix of a group and version, and the words behind it."""
    words = [urllib.parse.unquote(word) for word in path.strip("/").split("/")]
    if not all(_NAME.fullmatch(word) for word in words):
        raise status.BadRequest(f"{path} is no path of the Kubernetes API")
    length = 2 if words[0] == "api" else 3
    return "/" + "/".join(words[:length]), words[length:]


def _namespace_of(words: list[str]) -> tuple[str, list[str]]:
    if len(words) > 2 and words[0] == gvk.NAMESPACES.plural:
        return words[1], words[2:]
    return "", words


def _parameters(query: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    unknown = sorted(set(query) - known)
    if unknown:
        raise status.BadRequest(f"unknown parameter {unknown[0]!r}; known are {sorted(known)}")
    return {key: value for key, value in query.items() if value}


def _watch_seconds(text: str) -> int:
    if text and not (text.isdecimal() and len(text) <= MOST_DIGITS):
        raise status.BadRequest(f"timeoutSeconds is {text[:80]!r}; want a number")
    return min(int(text or WATCH_SECONDS) or WATCH_SECONDS, WATCH_SECONDS)


def _named(parameters: Mapping[str, str]) -> str:
    """The one object that a list or watch is about: a right to it alone is enough."""
    key, _, name = parameters.get("fieldSelector", "").partition("=")
    return name if key == "metadata.name" and _NAME.fullmatch(name) else ""


def _written(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urllib.parse.urlencode(parameters)}" if parameters else path


def _head(answer: http_client.ClientResponse) -> tuple[int, list[tuple[str, str]]]:
    kind = answer.headers.get("content-type") or "application/json"
    return answer.status, [("Content-Type", kind)]


class _Stream:
    """An answer's bytes as they come. It is closed also where nobody began to read it."""

    def __init__(
        self, answer: http_client.ClientResponse, on_close: Callable[[], None] | None = None
    ) -> None:
        self._answer = answer
        self._pieces = aiter(answer.iter_bytes())
        self._on_close = on_close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        await self._answer.aclose()
