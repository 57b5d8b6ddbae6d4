"""The table of the REST API, and its description for machines (``/v2/apidocs.json``)."""

from __future__ import annotations

import json
from typing import Any

from fission.api import resources
from fission.contracts import controller as contract
from fission.contracts import statestore
from fission.controller import handlers as handler_sets
from fission.meta import gvk
from fission.web import service


def make(
    handlers: handler_sets.Handlers, version: str
) -> list[tuple[str, str, handler_sets.Handler]]:
    """Return method, path pattern and handler of every route."""
    table: list[tuple[str, str, handler_sets.Handler]] = [("GET", contract.INFO, handlers.info)]
    by_kind = {resource.kind: resource for resource in resources.ALL}
    for kind, path in contract.COLLECTIONS.items():
        resource = by_kind[kind]
        table += [
            ("GET", path, handlers.listing(resource)),
            ("POST", path, handlers.create(resource)),
            ("GET", path + "/{name}", handlers.get(resource)),
            ("PUT", path + "/{name}", handlers.update(resource)),
            ("DELETE", path + "/{name}", handlers.delete(resource)),
        ]
    functions, environments = contract.COLLECTIONS["Function"], contract.COLLECTIONS["Environment"]
    table += [
        ("GET", functions + "/{name}/" + contract.PODS, handlers.function_pods),
        ("GET", functions + "/{name}/" + contract.SURROUNDINGS, handlers.surroundings),
        ("GET", environments + "/{name}/" + contract.PODS, handlers.environment_pods),
        ("GET", contract.SECRETS + "/{name}", handlers.exists(gvk.SECRETS)),
        ("GET", contract.CONFIGMAPS + "/{name}", handlers.exists(gvk.CONFIGMAPS)),
        ("POST", contract.LOGS + "/{name}", handlers.logs),
        ("GET", contract.SERVICE_NAME, handlers.service_name),
    ]
    archive = contract.storage_target()
    table += [(m, archive, handlers.archive) for m in ("GET", "HEAD", "POST", "DELETE")]
    for route, message, verb in (
        (statestore.APPEND, statestore.AppendRequest, "create"),
        (statestore.READ, statestore.ReadRequest, "get"),
        (statestore.HEAD, statestore.StreamRequest, "get"),
    ):
        handler = handlers.topic_events(route, message, verb)
        table.append(("POST", contract.statestore_target(route), handler))
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    table += [
        (m, contract.ROUTER + "/fission-function/{rest...}", handlers.invoke) for m in methods
    ]
    table += [(m, "/v1/{rest...}", handlers.only_v2) for m in methods]
    table.append(("GET", "/v2/apidocs.json", _docs(describe(table, version))))
    return table


def describe(table: list[tuple[str, str, Any]], version: str) -> dict[str, Any]:
    """Return a Swagger 2 document of the table."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, _ in table:
        plain = path.replace("...}", "}")
        parameters = [
            {"name": part[1:-1], "in": "path", "required": True, "type": "string"}
            for part in plain.split("/")
            if part.startswith("{")
        ]
        created = method == "POST" and path in contract.COLLECTIONS.values()
        answers = {
            "201" if created else "200": {"description": "done"},
            "401": {"description": "no valid bearer token"},
            "403": {"description": "the token's owner may not"},
        }
        paths.setdefault(plain, {})[method.lower()] = {
            "parameters": parameters,
            "responses": answers,
        }
    return {
        "swagger": "2.0",
        "info": {"title": "Fission", "version": version},
        "securityDefinitions": {
            "bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}
        },
        "security": [{"bearer": []}],
        "paths": paths,
    }


def _docs(document: dict[str, Any]) -> handler_sets.Handler:
    content = json.dumps(document).encode()

    async def handle(request: service.Request) -> service.Response:
        return service.Response(200, [("Content-Type", "application/json")], content)

    return handle
