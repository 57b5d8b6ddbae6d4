"""The table of the REST API: what is served, who answers, and what is said of it in public."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fission.api import resources
from fission.contracts import activity, statestore
from fission.contracts import controller as contract
from fission.controller import counting, egress, openapi, proxies, reading
from fission.controller import handlers as handler_sets
from fission.meta import gvk
from fission.web import service

_ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """A pattern of ``web.service``."""
    handler: handler_sets.Handler
    described: openapi.Operation


def make(
    handlers: handler_sets.Handlers,
    passing: proxies.Proxies,
    queues: egress.Queues,
    reader: reading.Reader,
    counts: counting.Counting,
    version: str,
) -> list[Route]:
    """Return every route."""
    table = [
        Route("GET", contract.INFO, handlers.info, openapi.INFO),
        *(Route(m, "/v1/{rest...}", handlers.only_v2, openapi.GONE) for m in _ANY_METHOD),
    ]
    for kind, path in contract.COLLECTIONS.items():
        table += _collection(handlers, resources.BY_KIND[kind], path)
    table += _around(handlers, reader)
    table += _proxies(passing)
    table.append(Route("GET", activity.PATH, counts.activity, openapi.ACTIVITY))
    for target, handler in queues.routes():
        table.append(Route("POST", contract.statestore_target(target), handler, openapi.QUEUE))
    document = openapi.Document(lambda: [(r.method, r.path, r.described) for r in table], version)
    table.append(Route("GET", contract.DOCS, _docs(document.render), openapi.DOCS))
    return table


def _collection(handlers: handler_sets.Handlers, resource: gvk.Resource, path: str) -> list[Route]:
    one = path + "/{name}"
    kind = resource.kind
    return [
        Route("GET", path, handlers.listing(resource), openapi.listing(kind)),
        Route("POST", path, handlers.create(resource), openapi.creation(kind)),
        Route("GET", one, handlers.get(resource), openapi.reading(kind)),
        Route("PUT", one, handlers.update(resource), openapi.update(kind)),
        Route("DELETE", one, handlers.delete(resource), openapi.deletion(kind)),
    ]


def _around(handlers: handler_sets.Handlers, reader: reading.Reader) -> list[Route]:
    functions, environments = contract.COLLECTIONS["Function"], contract.COLLECTIONS["Environment"]
    return [
        Route(
            "GET",
            functions + "/{name}/" + contract.PODS,
            handlers.function_pods,
            openapi.FUNCTION_PODS,
        ),
        Route(
            "GET",
            environments + "/{name}/" + contract.PODS,
            handlers.environment_pods,
            openapi.ENVIRONMENT_PODS,
        ),
        *(
            Route(
                "GET", path + "/{name}", handlers.exists(resource), openapi.existence(resource.kind)
            )
            for path, resource in (
                (contract.SECRETS, gvk.SECRETS),
                (contract.CONFIGMAPS, gvk.CONFIGMAPS),
            )
        ),
        Route("GET", contract.KUBERNETES + "/{path...}", reader.handle, openapi.KUBERNETES),
    ]


def _proxies(passing: proxies.Proxies) -> list[Route]:
    archive = contract.storage_target()
    table = [
        Route("GET", archive, passing.archive, openapi.ARCHIVE_GET),
        Route("HEAD", archive, passing.archive, openapi.ARCHIVE_HEAD),
        Route("POST", archive, passing.archive, openapi.ARCHIVE_POST),
        Route("DELETE", archive, passing.archive, openapi.ARCHIVE_DELETE),
        Route("GET", contract.SERVICE_NAME, passing.service_name, openapi.SERVICE_NAME),
        Route("POST", contract.LOGIN, passing.login, openapi.LOGIN),
        Route("POST", contract.LOGS + "/{name}", passing.logs, openapi.LOGS),
    ]
    for route, message, verb in (
        (statestore.APPEND, statestore.AppendRequest, "create"),
        (statestore.READ, statestore.ReadRequest, "get"),
        (statestore.HEAD, statestore.StreamRequest, "get"),
    ):
        handler = passing.topic_events(route, message, verb)
        table.append(Route("POST", contract.statestore_target(route), handler, openapi.TOPIC))
    called = contract.ROUTER + "/fission-function/{rest...}"
    table += [Route(m, called, passing.invoke, openapi.INVOCATION) for m in _ANY_METHOD]
    database = contract.LOG_DATABASE + "/{dbType}"
    table.append(Route("POST", database, passing.log_database, openapi.LOG_DATABASE))
    return table


def _docs(render: Callable[[], bytes]) -> handler_sets.Handler:
    async def handle(request: service.Request) -> service.Response:
        return service.Response(200, [("Content-Type", "application/json")], render())

    return handle
