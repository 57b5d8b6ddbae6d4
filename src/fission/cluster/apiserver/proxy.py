"""``pods/proxy`` and ``services/proxy``: the caller's request, sent on to a pod.

A service is resolved here and now: its port, then a ready endpoint of its EndpointSlices, whose
ports are the ones that are really bound. Bodies stream both ways. The caller's credentials never
reach the pod; the pod's status and headers come back unchanged.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from fission.cluster.apiserver import hooks
from fission.meta import gvk, podports, status
from fission_http import client as http_client
from fission_http import errors as http_errors

TIMEOUT_SECONDS = 3600.0
"""One exchange: long answers and log tails stream, none stays for ever."""
CONNECT_SECONDS = 5.0

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_PRIVATE_PREFIXES = ("x-remote-", "impersonate-")


@dataclass(frozen=True, slots=True)
class Target:
    """``[scheme:]name[:port]``."""

    scheme: str
    name: str
    port: str


class Proxy:
    """The two stream handlers over one connection pool."""

    def __init__(self, client: http_client.Client) -> None:
        self._client = client
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def streams(self) -> dict[str, hooks.StreamHandler]:
        return {"pods/proxy": self.pod, "services/proxy": self.service}

    async def pod(self, request: Request, context: hooks.StreamContext) -> Response:
        target = parse_target(context.name)
        pod = context.objects.get(gvk.PODS, context.namespace, target.name)
        if pod is None:
            raise status.not_found(gvk.PODS, target.name)
        return await self._send(request, context, target, [_pod_address(pod, target.port)])

    async def service(self, request: Request, context: hooks.StreamContext) -> Response:
        target = parse_target(context.name)
        service = context.objects.get(gvk.SERVICES, context.namespace, target.name)
        if service is None:
            raise status.not_found(gvk.SERVICES, target.name)
        addresses = service_addresses(service, target.port, context.objects)
        if not addresses:
            raise _no_endpoints(target.name)
        random.shuffle(addresses)
        return await self._send(request, context, target, addresses)

    async def _send(
        self,
        request: Request,
        context: hooks.StreamContext,
        target: Target,
        addresses: Sequence[tuple[str, int]],
    ) -> Response:
        if not context.subpath and request.method in ("GET", "HEAD"):
            return RedirectResponse(_with_slash(request), status_code=301)
        query = request.scope["query_string"].decode("latin-1")
        path = (context.subpath or "/") + (f"?{query}" if query else "")
        headers = list(_forwarded_headers(request))
        body = request.stream() if _has_body(request) else b""
        refused: http_errors.ConnectError | None = None
        for host, port in addresses:
            try:
                answer = await self._client.request(
                    request.method,
                    f"{target.scheme}://{host}:{port}{path}",
                    headers=headers,
                    body=body,
                    timeout_seconds=TIMEOUT_SECONDS,
                    connect_timeout_seconds=CONNECT_SECONDS,
                    ssl_context=self._tls if target.scheme == "https" else None,
                )
            except http_errors.ConnectError as error:
                refused = error
                what = "connection refused" if error.refused else str(error)
                message = f"error trying to reach service: dial tcp {host}:{port}: connect: {what}"
            except (http_errors.HttpError, ValueError) as error:
                raise status.ServiceUnavailable(
                    f"error trying to reach service: {error}"
                ) from error
            else:
                return _answer(answer)
        raise status.ServiceUnavailable(message) from refused


def parse_target(name: str) -> Target:
    """Take the name in the URL apart; raises ``status.BadRequest``."""
    parts = name.split(":")
    scheme, port = "http", ""
    if len(parts) == 3:
        scheme, name, port = parts
    elif len(parts) == 2:
        name, port = parts
    elif len(parts) > 3:
        raise status.BadRequest(f'invalid service request "{name}"')
    if scheme not in ("", "http", "https") or not name:
        raise status.BadRequest(f'invalid service request "{":".join(parts)}"')
    return Target(scheme or "http", name, port)


def service_addresses(
    service: hooks.Object, port: str, objects: hooks.Objects
) -> list[tuple[str, int]]:
    """The (address, real port) of every ready endpoint behind a service's port.

    Raises ``status.ServiceUnavailable`` when the service has no such port.
    """
    metadata = service["metadata"]
    port_name = _service_port_name(service, port)
    found = []
    for slice_ in objects.list(gvk.ENDPOINTSLICES, metadata["namespace"]):
        labels = slice_["metadata"].get("labels") or {}
        if labels.get("kubernetes.io/service-name") != metadata["name"]:
            continue
        ports = [
            p["port"]
            for p in slice_.get("ports") or ()
            if (p.get("name") or "") == port_name and p.get("port")
        ]
        for endpoint in slice_.get("endpoints") or ():
            if ports and (endpoint.get("conditions") or {}).get("ready") is not False:
                found += [(address, ports[0]) for address in endpoint.get("addresses") or ()]
    return found


def _service_port_name(service: hooks.Object, port: str) -> str:
    ports: list[dict[str, Any]] = (service.get("spec") or {}).get("ports") or []
    name = service["metadata"]["name"]
    if not port:
        if len(ports) != 1:
            raise _no_endpoints(name)
        return ports[0].get("name") or ""
    for declared in ports:
        if declared.get("name") == port or str(declared.get("port")) == port:
            return declared.get("name") or ""
    raise status.ServiceUnavailable(f'no service port {port} found for service "{name}"')


def _no_endpoints(name: str) -> status.ServiceUnavailable:
    return status.ServiceUnavailable(f'no endpoints available for service "{name}"')


def _pod_address(pod: hooks.Object, port: str) -> tuple[str, int]:
    name = pod["metadata"]["name"]
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        raise status.ServiceUnavailable(
            f'error trying to reach service: pod "{name}" has no address yet'
        )
    wanted: str | int = port or _first_port(pod)
    try:
        return address, podports.resolve_port(pod, wanted)
    except podports.UnknownPort as error:
        raise status.BadRequest(error.message) from error


def _first_port(pod: hooks.Object) -> int:
    for container in (pod.get("spec") or {}).get("containers") or ():
        for declared in container.get("ports") or ():
            return int(declared["containerPort"])
    name = pod["metadata"]["name"]
    raise status.BadRequest(f'pod "{name}" declares no port: name one as {name}:<port>')


def _with_slash(request: Request) -> str:
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}/" + (f"?{query}" if query else "")


def _has_body(request: Request) -> bool:
    headers = request.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _forwarded_headers(request: Request) -> Iterator[tuple[str, str]]:
    dropped = _HOP_BY_HOP | _listed_in_connection(request.headers.get("connection", ""))
    forwarded_for = request.headers.get("x-forwarded-for")
    for name, value in request.headers.items():
        if name in dropped or name.startswith(_PRIVATE_PREFIXES):
            continue
        if name not in ("authorization", "x-forwarded-for", "x-forwarded-uri"):
            yield name, value
    client = request.client.host if request.client else ""
    hops = ", ".join(hop for hop in (forwarded_for, client) if hop)
    if hops:
        yield "x-forwarded-for", hops
    raw_path = request.scope.get("raw_path", b"").decode("latin-1")
    yield "x-forwarded-uri", raw_path or request.url.path


def _listed_in_connection(value: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in value.split(",") if name.strip())


def _answer(answer: http_client.ClientResponse) -> Response:
    dropped = _HOP_BY_HOP | _listed_in_connection(answer.headers.get("connection") or "")
    response = StreamingResponse(_relay(answer), status_code=answer.status)
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
        if name.lower() not in dropped
    ]
    return response


async def _relay(answer: http_client.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.iter_bytes():
            yield chunk
    finally:
        await answer.aclose()
