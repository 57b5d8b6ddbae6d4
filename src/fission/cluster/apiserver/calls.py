"""One request to a resource, with all that was found out about it before its verb runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fission.base import clock
from fission.cluster.apiserver import (
    bodies,
    decoder,
    hooks,
    kinds,
    negotiation,
    objects,
    options,
    paths,
    render,
    tables,
    writer,
)
from fission.cluster.storage import store
from fission.meta import gvk, status


@dataclass(frozen=True, slots=True)
class Services:
    """What the verbs work with."""

    source: store.Store
    served: kinds.Kinds
    writer: writer.Writer
    objects: objects.Objects
    parts: hooks.Hooks
    time: clock.Clock
    live: set[asyncio.Task[None]]
    """Running watches."""


@dataclass(frozen=True, slots=True)
class Call:
    request: Request
    info: paths.RequestInfo
    kind: kinds.Kind
    user: hooks.UserInfo
    query: Mapping[str, str]
    services: Services
    admission: decoder.Admission

    @property
    def namespace(self) -> str:
        """Of the objects that are written; empty for cluster-scoped kinds."""
        return self.info.namespace if self.kind.resource.namespaced else ""

    @property
    def list_namespace(self) -> str | None:
        return self.namespace or None

    def accepted(self) -> negotiation.Accepted:
        headers = self.request.headers
        return negotiation.choose(
            headers.get("accept", ""),
            user_agent=headers.get("user-agent", ""),
            pretty=self.query.get("pretty"),
            custom=self.kind.custom is not None,
        )

    def renderer(self) -> render.Renderer:
        include = self.query.get("includeObject", "")
        accepted = self.accepted()
        if accepted.shape == "Table":
            tables.check_include(include)
        return render.Renderer(self.kind, accepted, include, self.services.time.now)

    def write_options(self, kind: str, *, apply: bool = False) -> options.WriteOptions:
        found = options.parse_write(
            self.query, kind, self.request.headers.get("user-agent", ""), apply=apply
        )
        self.admission.validation = found.field_validation
        return found

    def guard(self, new: hooks.Object, old: hooks.Object | None) -> None:
        """Nobody grants what they do not have; raises Forbidden. Other kinds pass."""
        resource = self.kind.resource
        if resource.group != gvk.ROLES.group:
            return
        fields = ("rules", "aggregationRule", "roleRef", "subjects")
        if old is not None and all(new.get(field) == old.get(field) for field in fields):
            return
        self.services.parts.authorizer.forbid_escalation(self.user, resource, self.namespace, new)

    def answer(self, value: hooks.Object, code: int = 200) -> Response:
        """One object."""
        accepted = self.accepted()
        return respond(self.renderer().object(value), accepted, code, self.admission.warnings)

    def answer_plain(self, body: hooks.Object, code: int = 200) -> Response:
        """A body of another kind than the URL's (Status, Scale)."""
        accepted = self.accepted()
        return respond(render.encode(body, accepted), accepted, code, self.admission.warnings)


def respond(
    content: bytes,
    accepted: negotiation.Accepted,
    code: int = 200,
    warnings: list[str] | None = None,
) -> Response:
    """A response with the headers that every answer has."""
    response = Response(content, code, media_type=None)
    response.headers["content-type"] = accepted.media
    response.headers["cache-control"] = "no-cache, private"
    for text in warnings or ():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("warning", f'299 - "{escaped}"')
    return response


async def read_body(request: Request) -> bytes:
    """The whole body; raises RequestEntityTooLarge."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bodies.MAX_BODY_BYTES:
        raise bodies.too_large()
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > bodies.MAX_BODY_BYTES:
                raise bodies.too_large()
    except ClientDisconnect as error:
        raise status.BadRequest("the client went away before the body was complete") from error
    return bytes(content)
