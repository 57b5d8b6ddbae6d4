"""Parts of objects: status, scale, binding, eviction, finalize, and creates that store nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.responses import Response

from fission.cluster.apiserver import (
    bodies,
    calls,
    decoder,
    hooks,
    jsonpath,
    kinds,
    options,
    patching,
    verbs,
)
from fission.cluster.apiserver.fields import decoding
from fission.meta import codec, conditions, gvk, selectors, status

Object = dict[str, Any]


def method_not_allowed(call: calls.Call | None = None) -> status.MethodNotAllowed:
    """405, in the words that upstream has for built-in and for custom resources."""
    if call is not None and call.kind.custom is not None:
        resource, method = call.kind.resource, call.request.method
        return status.MethodNotAllowed(
            f'{method.lower()} is not supported on resources of kind "{resource.group_resource}"',
            {"group": resource.group, "kind": resource.plural},
        )
    return status.MethodNotAllowed(
        "the server does not allow this method on the requested resource", {}
    )


def unknown_resource(call: calls.Call | None = None) -> status.NotFound:
    """404 for a resource or subresource that is not served."""
    if call is not None and call.kind.custom is not None:
        resource = call.kind.resource
        return status.NotFound(
            "the server could not find the requested resource",
            {"name": call.info.name, "group": resource.group, "kind": resource.plural},
        )
    return status.NotFound("the server could not find the requested resource", {})


async def serve(call: calls.Call) -> Response:
    """Answer a request for a subresource of the kind that the URL names."""
    name, kind, method = call.info.subresource, call.kind, call.request.method
    stream = call.services.parts.streams.get(f"{kind.resource.plural}/{name}")
    if kind.resource.group == "" and stream is not None:
        return await _stream(call, stream)
    virtual = call.services.parts.virtual_creates.get(
        (kind.resource.group, f"{kind.resource.plural}/{name}")
    )
    if virtual is not None:
        if method != "POST":
            raise method_not_allowed()
        return await virtual_create(call, virtual)
    if kind.resource is gvk.PODS and name in ("binding", "eviction"):
        if method != "POST":
            raise method_not_allowed()
        return await (_bind(call) if name == "binding" else _evict(call))
    if not kind.has_subresource(name):
        raise unknown_resource(call)
    if name == "finalize":
        if method != "PUT":
            raise method_not_allowed()
        return await _finalize(call)
    if name == "scale":
        return await _scale(call)
    match method:
        case "GET":
            return await verbs.get_object(call)
        case "PUT":
            return await verbs.replace_object(call, name)
        case "PATCH":
            return await verbs.patch_object(call, name)
    raise method_not_allowed(call)


async def _stream(call: calls.Call, handler: hooks.StreamHandler) -> Response:
    context = hooks.StreamContext(
        call.user,
        call.kind.resource,
        call.namespace,
        call.info.name,
        call.info.subpath,
        call.services.objects,
    )
    return await handler(call.request, context)


async def virtual_create(call: calls.Call, handler: hooks.VirtualCreate) -> Response:
    """A create that computes an answer: reviews, tokens."""
    call.write_options("CreateOptions")
    content = await calls.read_body(call.request)
    body = _decode(call, content)
    context = hooks.CreateContext(
        call.user, call.info.namespace, call.info.name, call.services.objects
    )
    return call.answer_plain(await handler(body, context), 201)


def _decode(call: calls.Call, content: bytes) -> Object:
    try:
        body = bodies.decode(
            content,
            call.request.headers.get("content-type", ""),
            call.services.parts.protobuf,
        )
    except ValueError as error:
        raise bodies.unrecognized(call.kind.resource.kind, content, str(error)) from error
    if not isinstance(body, dict):
        raise bodies.unrecognized(call.kind.resource.kind, content, "not an object")
    return body


# --- Pods ---------------------------------------------------------------------------------------


async def _bind(call: calls.Call) -> Response:
    """Give a pod to a node: once."""
    asked = call.write_options("CreateOptions")
    body = _decode(call, await calls.read_body(call.request))
    target = (body.get("target") or {}).get("name")
    name, now = call.info.name, call.services.time.now()
    if not target:
        raise status.invalid("", "Binding", name, [status.required("target.name")])
    uid = (body.get("metadata") or {}).get("uid")

    def change(pod: Object) -> Object:
        if uid and uid != pod["metadata"]["uid"]:
            raise status.conflict(gvk.PODS, name, "the pod was deleted and created anew")
        if pod["metadata"].get("deletionTimestamp"):
            raise status.conflict(
                gvk.PODS, name, f"pod {name} is being deleted, cannot be assigned to a host"
            )
        current = pod["spec"].get("nodeName")
        if current:
            raise status.conflict(
                gvk.PODS,
                name,
                f"pod {name} is already assigned to node {status.format_value(current)}",
            )
        pod["spec"]["nodeName"] = target
        pod["metadata"].setdefault("annotations", {}).update(
            (body.get("metadata") or {}).get("annotations") or {}
        )
        found = pod.setdefault("status", {}).setdefault("conditions", [])
        conditions.set_condition(found, "PodScheduled", "True", "", "", now)
        scheduled = conditions.get(found, "PodScheduled")
        if scheduled is not None:
            scheduled["lastProbeTime"] = None
            scheduled.pop("reason", None)
            scheduled.pop("message", None)
        return pod

    await call.services.writer.bind(call.kind, call.namespace, name, change, asked.dry_run)
    return call.answer_plain(_success(), 201)


def _success() -> Object:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


async def _evict(call: calls.Call) -> Response:
    """Delete a pod politely. There are no disruption budgets, so nothing forbids it."""
    asked = call.write_options("CreateOptions")
    body = _decode(call, await calls.read_body(call.request))
    chosen = options.parse_delete({}, body.get("deleteOptions") or {})
    if asked.dry_run:
        chosen = dataclasses.replace(chosen, dry_run=True)
    await call.services.writer.delete(call.kind, call.namespace, call.info.name, chosen)
    return call.answer_plain(_success(), 201)


# --- Namespaces ---------------------------------------------------------------------------------


async def _finalize(call: calls.Call) -> Response:
    """PUT /finalize: only ``spec.finalizers`` is taken."""
    asked = call.write_options("UpdateOptions")
    body = _decode(call, await calls.read_body(call.request))
    wanted = (body.get("spec") or {}).get("finalizers") or []

    def change(old: Object) -> Object:
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version:
            old["metadata"]["resourceVersion"] = version
        old["spec"] = {"finalizers": wanted} if wanted else {}
        return old

    value = await call.services.writer.finalize(call.kind, call.info.name, change, asked.dry_run)
    return call.answer(value)


# --- Scale --------------------------------------------------------------------------------------


def _scale_paths(kind: kinds.Kind) -> hooks.Scale:
    if kind.custom is not None and kind.custom.scale is not None:
        return kind.custom.scale
    return hooks.Scale(".spec.replicas", ".status.replicas")


def scale_of(kind: kinds.Kind, value: Object) -> Object:
    """The Scale of an object."""
    paths, meta = _scale_paths(kind), value["metadata"]
    found: Object = {"replicas": jsonpath.first(value, paths.status_replicas) or 0}
    if kind.custom is None:
        selector = (value.get("spec") or {}).get("selector")
        found["selector"] = str(selectors.LabelSelector.from_dict(selector))
    elif paths.label_selector:
        found["selector"] = jsonpath.first(value, paths.label_selector) or ""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = jsonpath.first(value, paths.spec_replicas)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": replicas} if replicas else {},
        "status": found,
    }


async def _scale(call: calls.Call) -> Response:
    method = call.request.method
    if method == "GET":
        record = call.services.source.get(verbs.key_of(call))
        if record is None:
            raise status.not_found(call.kind.resource, call.info.name)
        return call.answer_plain(scale_of(call.kind, record.value))
    if method not in ("PUT", "PATCH"):
        raise method_not_allowed(call)
    asked = call.write_options("UpdateOptions" if method == "PUT" else "PatchOptions")
    media = patching.media_type(call) if method == "PATCH" else ""
    content = await calls.read_body(call.request)
    if media == patching.APPLY_PATCH:
        raise status.UnsupportedMediaType("415: Unsupported Media Type", {})
    document = patching.read_patch(media, content) if media else _decode(call, content)

    def change(old: Object) -> Object:
        current = scale_of(call.kind, old)
        new = patching.apply(media, current, document) if media else document
        scaled = _scaled(call.kind, old, _checked_scale(new), call.info.name)
        if call.kind.custom is None:
            return scaled
        return decoder.admit(scaled, old, call.kind, call.admission)

    outcome = await call.services.writer.update(
        call.kind, call.namespace, call.info.name, change, dry_run=asked.dry_run
    )
    return call.answer_plain(scale_of(call.kind, outcome.value))


def _checked_scale(new: Object) -> Object:
    try:
        return decoding.decode(new, "autoscaling_v1.Scale", "Scale")[0]
    except status.BadRequest as error:
        raise bodies.cannot_handle("Scale", "v1", "Scale", str(error)) from error


def _scaled(kind: kinds.Kind, old: Object, scale: Object, name: str) -> Object:
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        cause = status.invalid_value(
            "spec.replicas", replicas, "must be greater than or equal to 0"
        )
        raise status.invalid("autoscaling", "Scale", name, [cause])
    new: Object = codec.deep_copy(old)
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version:
        new["metadata"]["resourceVersion"] = version
    *parents, last = _scale_paths(kind).spec_replicas.strip(".").split(".")
    place = new
    for field in parents:
        place = place.setdefault(field, {})
    place[last] = replicas
    return new
