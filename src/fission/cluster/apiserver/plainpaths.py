"""Paths that are no resources: discovery, version, health, metrics, OpenAPI."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib import parse

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from fission.cluster.apiserver import (
    calls,
    discovery,
    negotiation,
    paths,
    render,
    subresources,
)

Object = dict[str, Any]

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0+fission",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": f"python{platform.python_version()}",
    "compiler": sys.implementation.name,
    "platform": f"linux/{platform.machine()}",
}
"""The Kubernetes release whose API is served; the rest says that it is not Go."""

HEALTH = ("/healthz", "/livez", "/readyz")
NOT_FOUND = "404 page not found\n"

OPENAPI_V2_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
OPENAPI_V2_GIVEN = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""Clients ask with an ``@``, which is no valid media type, and Go refuses it in an answer."""

_OPENAPI_V2_EMPTY = b"\x0a\x032.0\x12\x10\x0a\x0aKubernetes\x12\x02v1\x42\x00"
"""``Document{swagger: "2.0", info{title, version}, paths{}}``; fields 1, 2 and 8 of openapiv2."""


class Plain:
    def __init__(
        self,
        services: calls.Services,
        documents: discovery.Discovery,
        is_ready: Callable[[], bool],
    ) -> None:
        self._services = services
        self._documents = documents
        self._is_ready = is_ready

    async def serve(
        self, request: Request, info: paths.RequestInfo, query: Mapping[str, str]
    ) -> Response:
        """Answer a plain path."""
        path = info.path
        found = self._find(request, path, query)
        if found is None:
            return PlainTextResponse(NOT_FOUND, 404)
        if request.method != "GET":
            raise subresources.method_not_allowed()
        return found()

    def _find(
        self, request: Request, path: str, query: Mapping[str, str]
    ) -> Callable[[], Response] | None:
        parts = path.strip("/").split("/")
        if path in ("", "/"):
            return lambda: self._json(request, query, self._root())
        if path == "/version":
            return lambda: self._json(request, query, VERSION)
        if "/" + parts[0] in HEALTH:
            return lambda: self._health(parts, query)
        if path == "/metrics":
            return self._metrics
        if path == "/api":
            return lambda: self._groups(request, query, core=True)
        if path == "/apis":
            return lambda: self._groups(request, query, core=False)
        if parts[0] == "openapi":
            return self._openapi(request, parts, query)
        document: Object | None = None
        if parts[0] == "api" and len(parts) == 2:
            document = self._documents.resource_list("", parts[1])
        elif parts[0] == "apis" and len(parts) == 2:
            document = self._documents.group(parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            document = self._documents.resource_list(parts[1], parts[2])
        if document is None:
            return None
        shown = document
        return lambda: self._json(request, query, shown)

    def _json(self, request: Request, query: Mapping[str, str], body: Any) -> Response:
        accepted = negotiation.choose(
            request.headers.get("accept", ""),
            user_agent=request.headers.get("user-agent", ""),
            pretty=query.get("pretty"),
        )
        return calls.respond(render.encode(body, accepted), accepted)

    def _root(self) -> Object:
        found = ["/api", "/api/v1", "/apis"]
        for group in self._documents.group_list()["groups"]:
            found.append(f"/apis/{group['name']}")
            found += [f"/apis/{version['groupVersion']}" for version in group["versions"]]
        return {"paths": [*found, *HEALTH, "/metrics", "/openapi/v2", "/openapi/v3", "/version"]}

    # --- discovery ---

    def _groups(self, request: Request, query: Mapping[str, str], *, core: bool) -> Response:
        if self._wants_aggregated(request.headers.get("accept", "")):
            body, tag = self._documents.aggregated(core=core)
            headers = {"etag": f'"{tag}"', "vary": "Accept", "cache-control": "public"}
            if request.headers.get("if-none-match", "").strip('"') == tag:
                return Response(None, 304, headers)
            content = render.encode(body, negotiation.Accepted())
            response = Response(content, 200, headers)
            response.headers["content-type"] = discovery.AGGREGATED
            return response
        host = request.headers.get("host", "127.0.0.1")
        documents = self._documents
        body = documents.core_versions(host) if core else documents.group_list()
        response = self._json(request, query, body)
        response.headers["vary"] = "Accept"
        return response

    def _wants_aggregated(self, accept: str) -> bool:
        ranges = negotiation.parse_accept(accept)
        for wanted in ranges:
            if wanted.media not in (negotiation.JSON, "*/*", "application/*"):
                continue
            if wanted.parameters.get("as") != "APIGroupDiscoveryList":
                return False
            if wanted.parameters.get("v") == "v2":
                return True
        if any(wanted.parameters.get("as") for wanted in ranges):
            raise negotiation.not_acceptable(
                (negotiation.JSON, negotiation.YAML, discovery.AGGREGATED)
            )
        return False

    # --- OpenAPI ---

    def _openapi(
        self, request: Request, parts: list[str], query: Mapping[str, str]
    ) -> Callable[[], Response] | None:
        openapi = self._services.parts.openapi
        if parts[1:] == ["v2"]:
            return lambda: self._openapi_v2(request)
        if openapi is None or parts[1:2] != ["v3"]:
            return None
        if len(parts) == 2:
            return lambda: self._json(request, query, openapi.index())
        path = "/".join(parts[2:])
        content = openapi.document(path)
        if content is None:
            return None
        document, tag = content, openapi.hash_of(path)

        def answer() -> Response:
            given = query.get("hash")
            if given is not None and given != tag:
                where = f"/openapi/v3/{path}?{parse.urlencode({'hash': tag})}"
                return RedirectResponse(where, 301)
            headers = {"etag": f'"{tag}"', "vary": "Accept", "content-type": "application/json"}
            if given is not None:
                headers["cache-control"] = "public, immutable"
            if request.headers.get("if-none-match", "").strip('"') == tag:
                return Response(None, 304, headers)
            return Response(document, 200, headers)

        return answer

    def _openapi_v2(self, request: Request) -> Response:
        """Return an empty document. kubectl asks for it when version 3 lacks a kind (``List``), and
        leaves the validation of what it does not find there to the server."""
        accepted = request.headers.get("accept", "")
        if OPENAPI_V2_ASKED in accepted or OPENAPI_V2_GIVEN in accepted:
            return Response(_OPENAPI_V2_EMPTY, 200, {"content-type": OPENAPI_V2_GIVEN})
        body = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1"}, "paths": {}}
        content = render.encode(body, negotiation.Accepted())
        return Response(content, 200, {"content-type": "application/json"})

    # --- health ---

    def _health(self, parts: list[str], query: Mapping[str, str]) -> Response:
        ready = parts[0] != "readyz" or self._is_ready()
        checks = {"ping": True, "store": True}
        if parts[0] == "readyz":
            checks["bootstrap"] = self._is_ready()
        if len(parts) > 1:
            known = checks.get(parts[1])
            if known is None:
                return PlainTextResponse(NOT_FOUND, 404)
            return PlainTextResponse("ok" if known else "not ready", 200 if known else 500)
        if "verbose" not in query and ready:
            return PlainTextResponse("ok")
        lines = [
            f"[{'+' if good else '-'}]{name} {'ok' if good else 'failed'}"
            for name, good in checks.items()
        ]
        lines.append(f"{parts[0]} check {'passed' if ready else 'failed'}")
        return PlainTextResponse("\n".join(lines) + "\n", 200 if ready else 500)

    def _metrics(self) -> Response:
        from prometheus_client import exposition

        source = self._services.source
        gauges = (
            ("apiserver_store_revision", "Newest committed revision.", source.revision),
            ("apiserver_store_compacted_revision", "Oldest kept.", source.compacted),
            ("apiserver_watchers", "Running watches.", source.watchers),
        )
        lines = []
        for name, text, value in gauges:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value}"]
        for resource in source.resources():
            label = f'{{resource="{resource}"}}'
            lines.append(f"apiserver_storage_objects{label} {source.count(resource)}")
        content = exposition.generate_latest() + ("\n".join(lines) + "\n").encode()
        return Response(content, media_type=exposition.CONTENT_TYPE_LATEST)
