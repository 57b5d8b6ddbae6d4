"""The ASGI application: who asks, may they, what for, and every failure as a Status.

Order as upstream: authentication, impersonation, authorization (before routing, so that unknown
paths are 403 to strangers), then the path.
"""

from __future__ import annotations

import logging

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from fission.cluster.apiserver import (
    authorization,
    calls,
    computed,
    decoder,
    discovery,
    hooks,
    kinds,
    paths,
    plainpaths,
    subresources,
    verbs,
)
from fission.cluster.apiserver.strategies import base
from fission.cluster.storage import errors
from fission.meta import status

logger = logging.getLogger(__name__)

PEER = "fission.peer"
"""Where the listener puts the ``hooks.Peer`` of a connection, in the ASGI scope."""

NOT_FOUND = "404 page not found\n"


class Handler:
    def __init__(
        self, services: calls.Services, documents: discovery.Discovery, plain: plainpaths.Plain
    ) -> None:
        self._services = services
        self._parts = services.parts
        self._documents = documents
        self._plain = plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            raise RuntimeError(f"the API server serves HTTP, not {scope['type']}")
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except status.StatusError as error:
            response = failure(error)
        except errors.WriteFailed as error:
            logger.error("write failed", exc_info=error)
            response = failure(status.InternalError(str(error)))
        except errors.StoreClosed as error:
            response = failure(status.ServiceUnavailable(str(error)))
        except Exception as error:  # the outermost layer: nothing else may answer
            logger.error("request failed", exc_info=error, extra={"path": request.url.path})
            response = failure(status.InternalError(f"Internal error occurred: {error}"))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        raw = request.scope.get("raw_path") or request.url.path.encode()
        info = paths.parse_path(raw.decode("latin-1").partition("?")[0])
        peer = request.scope.get("state", {}).get(PEER) or hooks.Peer(local=False)
        user = self._parts.authenticator.authenticate(request.headers, peer)
        authorizer = self._parts.authorizer
        user = authorization.impersonated(request.headers, user, authorizer)
        query = QueryParams(request.scope.get("query_string", b""))
        watch = query.get("watch", "").lower() in ("1", "true", "t")
        wanted = authorization.attributes_of(info, request.method, watch)
        decision = authorizer.authorize(user, wanted)
        if not decision.allowed:
            raise authorization.refuse(user, wanted, decision.reason)
        if info.malformed:
            return PlainTextResponse(NOT_FOUND, 404)
        if not info.is_resource:
            return await self._plain.serve(request, info, query)
        return await self._resource(request, info, user, query)

    async def _resource(
        self,
        request: Request,
        info: paths.RequestInfo,
        user: hooks.UserInfo,
        query: QueryParams,
    ) -> Response:
        kind = self._services.served.get(info.group, info.version, info.resource)
        if kind is None:
            return await self._other(request, info, user, query)
        guard = authorization.escalation_guard(
            self._parts.authorizer, user, kind.resource, info.namespace
        )
        admission = decoder.Admission(permit=guard)
        call = calls.Call(request, info, kind, user, query, self._services, admission)
        if kind.custom is not None and kind.custom.warning:
            call.admission.warn(kind.custom.warning)
        if info.namespace and not kind.resource.namespaced and info.resource != "namespaces":
            raise subresources.unknown_resource()
        if info.subresource:
            return await subresources.serve(call)
        return await _dispatch(call)

    async def _other(
        self,
        request: Request,
        info: paths.RequestInfo,
        user: hooks.UserInfo,
        query: QueryParams,
    ) -> Response:
        """Reads and creates without a store; else 404 in one of its two forms."""
        for source in self._parts.computed:
            known = source.resource
            if (known.group, known.version, known.plural) == (
                info.group,
                info.version,
                info.resource,
            ):
                kind = kinds.Kind(known, base.Strategy())
                call = calls.Call(
                    request, info, kind, user, query, self._services, decoder.Admission()
                )
                return await computed.serve(call, source)
        handler = self._parts.virtual_creates.get((info.group, info.resource))
        resource = discovery.virtual_resource(info.group, info.resource)
        if handler is not None and resource is not None and resource.version == info.version:
            if request.method != "POST" or info.name:
                raise subresources.method_not_allowed()
            kind = kinds.Kind(resource, base.Strategy())
            admission = decoder.Admission()
            call = calls.Call(request, info, kind, user, query, self._services, admission)
            return await subresources.virtual_create(call, handler)
        if self._documents.resource_list(info.group, info.version) is not None:
            raise subresources.unknown_resource()
        return PlainTextResponse(NOT_FOUND, 404)


async def _dispatch(call: calls.Call) -> Response:
    method, resource = call.request.method, call.kind.resource
    if call.info.watch_path and method != "GET":
        raise subresources.method_not_allowed()
    if not call.info.name or call.info.watch_path:
        if method == "GET":
            return await verbs.list_or_watch(call)
        if resource.namespaced and not call.namespace:
            raise subresources.method_not_allowed()
        if method == "POST":
            return await verbs.create(call)
        if method == "DELETE" and call.kind.strategy.deletes_collections:
            return await verbs.delete_collection(call)
        raise subresources.method_not_allowed()
    if resource.namespaced and not call.namespace:
        raise subresources.unknown_resource()
    match method:
        case "GET":
            return await verbs.get_object(call)
        case "PUT":
            return await verbs.replace_object(call)
        case "PATCH":
            return await verbs.patch_object(call)
        case "DELETE":
            return await verbs.delete_object(call)
    raise subresources.method_not_allowed()


def failure(error: status.StatusError) -> Response:
    """A Status response."""
    body = orjson.dumps(error.to_dict(), option=orjson.OPT_APPEND_NEWLINE)
    response = Response(body, error.http_code)
    response.headers["content-type"] = "application/json"
    response.headers["cache-control"] = "no-cache, private"
    if error.retry_after_seconds:
        response.headers["retry-after"] = str(error.retry_after_seconds)
    if error.http_code == 401:
        response.headers["www-authenticate"] = 'Bearer realm="kubernetes"'
    return response
