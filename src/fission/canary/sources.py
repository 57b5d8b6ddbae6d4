"""Where counts come from: the routers themselves, or a Prometheus that has collected theirs."""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import Final, Protocol
from urllib import parse

from fission.api import canaryconfig_types
from fission.base import clock as clocks
from fission.base import errors
from fission.canary import counts, plan
from fission.contracts import invocation
from fission.kube import client as kube_client
from fission.kube import peers
from fission.meta import gvk
from fission.web import client as web_client
from fission_http import errors as http_errors

ROUTER_SERVICE: Final = invocation.INTERNAL_SERVICE
ROUTER_PORT: Final = invocation.INTERNAL_SOCKET_NAME
"""The listener for those who sign: the public one may ask for a token."""
METRICS_PATH: Final = "/metrics"
TIMEOUT_SECONDS: Final = 10.0
MAX_PAGE_BYTES: Final = 64 * 1024 * 1024
"""Of a router with a hundred thousand series."""
ROUTERS_AT_ONCE: Final = 8


class Unavailable(errors.Error):
    """The counts cannot be had now."""

    reason = plan.NO_METRICS
    retryable = True


class Source(Protocol):
    """Counts calls of a function through a trigger."""

    async def begin(self, subject: counts.Subject) -> list[canaryconfig_types.RouterCount]:
        """What a window has to remember; raises Unavailable."""
        ...

    async def end(
        self,
        subject: counts.Subject,
        window: canaryconfig_types.CanaryWindow,
        seconds: float,
    ) -> plan.Counted:
        """What was counted since; raises Unavailable."""
        ...


class Routers:
    """Asks every router."""

    def __init__(
        self, client: kube_client.Client, http: web_client.HttpClient, namespace: str
    ) -> None:
        self._client = client
        self._http = http
        self._namespace = namespace
        self._turns = asyncio.Semaphore(ROUTERS_AT_ONCE)

    async def begin(self, subject: counts.Subject) -> list[canaryconfig_types.RouterCount]:
        """The counts of all routers as they are."""
        chosen = {peers.SERVICE_NAME_LABEL: ROUTER_SERVICE}
        try:
            listed = await self._client.list(
                gvk.ENDPOINTSLICES, self._namespace, label_selector=chosen
            )
        except errors.Error as error:
            raise Unavailable(f"where the routers are is not known: {error}") from error
        found = named_urls(listed.items, ROUTER_PORT)
        if not found:
            raise Unavailable(f"no router is ready in namespace {self._namespace}")
        pages = await asyncio.gather(*(self._page(url) for url in found.values()))
        return [counts.read(page, name, subject) for name, page in zip(found, pages, strict=True)]

    async def end(
        self,
        subject: counts.Subject,
        window: canaryconfig_types.CanaryWindow,
        seconds: float,
    ) -> plan.Counted:
        """The difference to what the window remembers."""
        since = clocks.parse_rfc3339(window.since).timestamp()
        return counts.difference(window.routers, await self.begin(subject), since)

    async def _page(self, url: str) -> str:
        async with self._turns:
            return await _fetch(self._http, url + METRICS_PATH)


class Prometheus:
    """Asks a Prometheus server that collects what routers count."""

    def __init__(self, http: web_client.HttpClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")

    async def begin(self, subject: counts.Subject) -> list[canaryconfig_types.RouterCount]:
        """Nothing: it remembers for itself."""
        return []

    async def end(
        self,
        subject: counts.Subject,
        window: canaryconfig_types.CanaryWindow,
        seconds: float,
    ) -> plan.Counted:
        """The increase over the window's time."""
        calls = await self._ask(counts.CALLS, subject, seconds)
        failed = await self._ask(counts.ERRORS, subject, seconds)
        return plan.Counted(calls, min(failed, calls))

    async def _ask(self, metric: str, subject: counts.Subject, seconds: float) -> int:
        query = parse.urlencode({"query": expression(metric, subject, seconds)})
        text = await _fetch(self._http, f"{self._url}/api/v1/query?{query}")
        return read_answer(text)


def expression(metric: str, subject: counts.Subject, seconds: float) -> str:
    """The query for the increase of a counter."""
    chosen = [
        f"function_name={_quote(subject.function)}",
        f"function_namespace={_quote(subject.namespace)}",
        f"path={_quote(subject.path)}",
    ]
    if subject.methods:
        any_of = "|".join(re.escape(method) for method in sorted(subject.methods))
        chosen.append(f"method=~{_quote(any_of)}")
    return f"sum(increase({metric}{{{','.join(chosen)}}}[{max(1, math.ceil(seconds))}s]))"


def read_answer(text: str) -> int:
    """The number in Prometheus' answer to an instant query; no series is 0."""
    try:
        answer = json.loads(text)
        if answer["status"] != "success":
            raise Unavailable(f"Prometheus: {answer.get('error') or answer['status']}")
        found = answer["data"]["result"]
        value = float(found[0]["value"][1]) if found else 0.0
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unavailable(f"Prometheus answered something else: {text[:200]!r}") from error
    return round(value) if math.isfinite(value) else 0


def named_urls(slices: list[dict[str, object]], port_name: str) -> dict[str, str]:
    """Pod → URL of the ready endpoints of a Service."""
    found: dict[str, str] = {}
    for one in slices:
        for endpoint in peers.endpoints_of(one):
            alone = {**one, "endpoints": [endpoint]}
            for url in peers.urls([alone], port_name):
                name = (endpoint.get("targetRef") or {}).get("name") or url
                found[str(name)] = url
    return dict(sorted(found.items()))


async def _fetch(http: web_client.HttpClient, url: str) -> str:
    try:
        answer = await http.request("GET", url, timeout_seconds=TIMEOUT_SECONDS)
        body = await answer.read(MAX_PAGE_BYTES)
    except (errors.Error, http_errors.HttpError, OSError, TimeoutError) as error:
        raise Unavailable(f"{url} does not answer: {error}") from error
    if answer.status != 200:
        said = body[:200].decode("utf-8", "replace")
        raise Unavailable(f"{url} answered {answer.status}: {said}")
    return body.decode("utf-8", "replace")


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
