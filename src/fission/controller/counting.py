"""What routers and executors have counted of functions, for ``fission top``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fission.api import resources
from fission.base import clock as clocks
from fission.contracts import activity, invocation, signing
from fission.controller import access
from fission.kube import client as kube_client
from fission.kube import peers
from fission.meta import gvk, status
from fission.web import service
from fission_http import client as http_client
from fission_http import errors as http_errors

PAGE: Final = "/metrics"
PAGE_SECONDS: Final = 10.0
MAX_PAGE_BYTES: Final = 256 << 20
"""Of a router with a hundred thousand series."""
_PAGES_AT_ONCE: Final = 4
_PORTS: Final[Mapping[str, str]] = {
    invocation.INTERNAL_SERVICE: invocation.INTERNAL_SOCKET_NAME,
    "executor": "http",
}
"""Services whose pods count, and the port that shows it without asking for a token."""


class Counting:
    """Reads their metrics pages and hands out numbers by function."""

    def __init__(
        self,
        client: kube_client.Client,
        http: http_client.Client,
        who: access.Access,
        masters: signing.Masters,
        clock: clocks.Clock,
        platform_namespace: str,
    ) -> None:
        self._client = client
        self._http = http
        self._access = who
        self._keys = masters.keys(signing.ROUTER_INTERNAL)
        self._clock = clock
        self._namespace = platform_namespace

    async def activity(self, request: service.Request) -> service.Response:
        """Answer for one namespace, or all; needs ``list`` on the functions there."""
        namespace = request.query_params.get("namespace", "")
        authorization = request.headers.get("authorization")
        await self._access.admit(authorization, "list", resources.FUNCTIONS, namespace)
        where = f"{peers.SERVICE_NAME_LABEL} in ({','.join(_PORTS)})"
        slices = await self._client.list(gvk.ENDPOINTSLICES, self._namespace, label_selector=where)
        turns = asyncio.Semaphore(_PAGES_AT_ONCE)

        async def page(name: str, url: str) -> activity.Process:
            async with turns:
                text = await self._page(url)
            return await asyncio.to_thread(activity.read, name, text, namespace)

        found = sorted(set(_endpoints(slices.items)))
        processes = await asyncio.gather(*(page(name, url) for name, url in found))
        return service.Response(
            200, [("Content-Type", "application/json")], activity.encode(processes)
        )

    async def _page(self, url: str) -> str:
        headers: list[tuple[str, str]] = []
        if self._keys.current is not None:
            now = self._clock.now().timestamp()
            headers = list(signing.headers(self._keys.current, "GET", PAGE, b"", now))
        try:
            answer = await self._http.request(
                "GET", url + PAGE, headers=headers, timeout_seconds=PAGE_SECONDS
            )
            content = await answer.read(MAX_PAGE_BYTES)
        except http_errors.HttpError as error:
            raise status.ServiceUnavailable(f"{url} does not answer: {error}") from error
        if answer.status != 200:
            raise status.ServiceUnavailable(f"{url}{PAGE} answered {answer.status}")
        return content.decode("utf-8", "replace")


def _endpoints(slices: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Pod and URL of everyone that counts and is ready."""
    for one in slices:
        service_name = (one["metadata"].get("labels") or {}).get(peers.SERVICE_NAME_LABEL, "")
        for endpoint in peers.endpoints_of(one):
            alone = {**one, "endpoints": [endpoint]}
            for url in peers.urls([alone], _PORTS.get(service_name, "")):
                name = (endpoint.get("targetRef") or {}).get("name")
                yield str(name or url), url
