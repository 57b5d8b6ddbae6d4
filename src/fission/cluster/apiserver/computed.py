"""Reads of what is computed and never stored: get and list, nothing else."""

from __future__ import annotations

from starlette.responses import Response

from fission.cluster.apiserver import (
    calls,
    hooks,
    options,
    render,
    subresources,
    tables,
)
from fission.meta import labels, status


async def serve(call: calls.Call, source: hooks.Computed) -> Response:
    """Answer one request for a computed resource."""
    info, resource = call.info, source.resource
    if info.namespace and not resource.namespaced:
        raise subresources.unknown_resource()
    if info.subresource or (info.name and resource.namespaced and not info.namespace):
        raise subresources.unknown_resource()
    if call.request.method != "GET" or info.watch_path:
        raise subresources.method_not_allowed()
    if info.name:
        return await _get(call, source)
    asked = options.parse_list(call.query)
    if asked.watch:
        raise subresources.method_not_allowed()
    found = await source.read(call.list_namespace, "")
    chosen = [obj for obj in found if _matches(asked, obj)]
    if call.accepted().shape == "Table":
        return _table(call, chosen)
    items: list[hooks.Object] = [
        {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
        for obj in chosen
    ]
    kind, version = f"{resource.kind}List", resource.api_version
    if call.accepted().shape:
        kind, version = "PartialObjectMetadataList", f"meta.k8s.io/{call.accepted().version}"
        items = [{"metadata": obj["metadata"]} for obj in items]
    body = {"kind": kind, "apiVersion": version, "metadata": {}, "items": items}
    return call.answer_plain(body)


async def _get(call: calls.Call, source: hooks.Computed) -> Response:
    name = call.info.name
    found = await source.read(call.list_namespace, name)
    if not found:
        plural = source.resource.plural
        # The words and the details of upstream: without the group.
        raise status.NotFound(f'{plural} "{name}" not found', {"name": name, "kind": plural})
    accepted = call.accepted()
    if accepted.shape == "Table":
        return _table(call, found)
    shown = found[0]
    if accepted.shape:
        shown = render.partial(shown, accepted.version)
    return call.answer_plain(shown)


def _table(call: calls.Call, values: list[hooks.Object]) -> Response:
    include = call.query.get("includeObject", "")
    tables.check_include(include)
    now, version = call.services.time.now(), call.accepted().version or "v1"
    return call.answer_plain(
        tables.make_table(call.kind, values, {}, include or "Metadata", now, version)
    )


def _matches(asked: options.ListOptions, obj: hooks.Object) -> bool:
    if not asked.labels.matches(labels.of(obj)):
        return False
    if not asked.fields:
        return True
    meta = obj["metadata"]
    for field in asked.fields.fields:
        if field not in ("metadata.name", "metadata.namespace"):
            raise status.BadRequest(f"field label not supported: {field}")
    return asked.fields.matches(
        {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace") or ""}
    )
