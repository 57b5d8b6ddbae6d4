"""Where a Service's pods are: Service → EndpointSlices → URLs of ready endpoints.

Names are never resolved by DNS, ports never taken from a constant: an EndpointSlice says on which
port a pod really listens. Answers come from an informer where the component has one, otherwise from
the API, remembered for a short time; an empty answer is remembered shorter, since whoever asks
waits for the first pod. ``urls`` is the pure part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fission.base import clock as clocks
from fission.base import singleflight, ttlcache
from fission.kube import client as client_module
from fission.kube import lister as lister_module
from fission.meta import gvk, labels, status

Obj = dict[str, Any]

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
TTL_SECONDS = 1.0
"""How stale an answer may be; a peer that refuses is asked for again by ``forget``."""
EMPTY_TTL_SECONDS = 0.05
MAX_SERVICES = 1024
INDEX = "service"
"""Name of the index that ``service_index`` makes on an informer of EndpointSlices."""


def service_index(endpoint_slice: Obj) -> list[str]:
    """An index function: slices by ``namespace/service``."""
    service = labels.of(endpoint_slice).get(SERVICE_NAME_LABEL)
    return [f"{endpoint_slice['metadata'].get('namespace', '')}/{service}"] if service else []


class Peers:
    """Finds the ready endpoints of Services."""

    def __init__(
        self,
        client: client_module.Client,
        *,
        endpoint_slices: lister_module.Lister[Obj] | None = None,
        clock: clocks.Clock | None = None,
        ttl_seconds: float = TTL_SECONDS,
    ) -> None:
        """``endpoint_slices``: of an informer with ``add_index(INDEX, service_index)``."""
        clock = clock or clocks.SystemClock()
        self._client = client
        self._lister = endpoint_slices
        Slices = ttlcache.TTLCache[str, list[Obj]]
        self._found: Slices = ttlcache.TTLCache(ttl_seconds, MAX_SERVICES, clock)
        self._empty: Slices = ttlcache.TTLCache(EMPTY_TTL_SECONDS, MAX_SERVICES, clock)
        self._port_names: ttlcache.TTLCache[str, dict[int, str]] = ttlcache.TTLCache(
            60.0, MAX_SERVICES, clock
        )
        self._flights: singleflight.SingleFlight[str, list[Obj]] = singleflight.SingleFlight()

    async def urls(self, namespace: str, service: str, port: str | int) -> list[str]:
        """Return ``http://address:port`` of every ready endpoint; empty when there is none.

        ``port`` is the name of a Service port, or its number.
        """
        slices = await self._slices(namespace, service)
        if isinstance(port, str) and port.isdecimal():
            port = int(port)
        if isinstance(port, int):
            if not slices:
                return []
            port = await self._port_name(namespace, service, port)
        return urls(slices, port)

    def forget(self, namespace: str, service: str) -> None:
        """Ask again next time: an endpoint refused."""
        self._found.drop(f"{namespace}/{service}")

    async def _slices(self, namespace: str, service: str) -> list[Obj]:
        key = f"{namespace}/{service}"
        if self._lister is not None:
            return self._lister.by_index(INDEX, key)
        known = self._found.get(key)
        if known is None:
            known = self._empty.get(key)
        if known is not None:
            return known
        return await self._flights.do(key, lambda: self._ask(namespace, service))

    async def _ask(self, namespace: str, service: str) -> list[Obj]:
        chosen = {SERVICE_NAME_LABEL: service}
        listed = await self._client.list(gvk.ENDPOINTSLICES, namespace, label_selector=chosen)
        ready = any(is_ready(endpoint) for one in listed.items for endpoint in endpoints_of(one))
        (self._found if ready else self._empty).put(f"{namespace}/{service}", listed.items)
        return listed.items

    async def _port_name(self, namespace: str, service: str, number: int) -> str:
        """The name of a Service port ("" for the only one, unnamed); numbers never reach slices."""
        key = f"{namespace}/{service}"
        names = self._port_names.get(key)
        if names is None or number not in names:
            try:
                found = await self._client.get(gvk.SERVICES, service, namespace)
            except status.NotFound:
                return ""
            ports = (found.get("spec") or {}).get("ports") or ()
            names = {int(one["port"]): str(one.get("name") or "") for one in ports}
            self._port_names.put(key, names)
        if number not in names:
            raise status.NotFound(
                f'service "{service}" in namespace "{namespace}" has no port {number}; '
                f"it has {', '.join(map(str, names)) or 'none'}"
            )
        return names[number]


def urls(slices: Iterable[Obj], port_name: str) -> list[str]:
    """``http://address:port`` of the ready endpoints, sorted, each once."""
    found = set()
    for one in slices:
        for port in one.get("ports") or ():
            if (port.get("name") or "") != port_name or not port.get("port"):
                continue
            for endpoint in endpoints_of(one):
                if is_ready(endpoint):
                    for address in endpoint.get("addresses") or ():
                        host = f"[{address}]" if ":" in address else address
                        found.add(f"http://{host}:{port['port']}")
    return sorted(found)


def endpoints_of(endpoint_slice: Obj) -> list[Obj]:
    return endpoint_slice.get("endpoints") or []


def is_ready(endpoint: Obj) -> bool:
    """Unknown readiness counts as ready, says the API."""
    return (endpoint.get("conditions") or {}).get("ready") is not False
