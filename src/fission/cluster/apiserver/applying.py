"""Server-side apply as a verb, and the ownership that other writes leave behind."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fission.base import clock
from fission.cluster.apiserver import bodies, calls, decoder, patching, writer
from fission.cluster.apiserver.fields import decoding
from fission.cluster.apiserver.ownership import fieldsets, listtypes, managers
from fission.meta import codec, gvk, status

Object = dict[str, Any]

MEDIA = patching.APPLY_PATCH


def shapes(call: calls.Call) -> listtypes.ShapeOf:
    """How the fields of the call's kind are owned."""
    if call.kind.custom is None:
        return listtypes.core_shape
    resource = call.kind.resource
    crd = call.services.objects.get(gvk.CRDS, "", resource.group_resource)
    for version in ((crd or {}).get("spec") or {}).get("versions") or ():
        if version.get("name") == resource.version:
            return listtypes.schema_shape(
                (version.get("schema") or {}).get("openAPIV3Schema") or {}
            )
    return listtypes.core_shape


def _owned(call: calls.Call, obj: Object, subresource: str) -> Object:
    has_status = call.kind.strategy.has_status
    return fieldsets.owned_part(
        obj, with_status=not has_status, only_status=subresource == "status"
    )


def _author(call: calls.Call, manager: str, subresource: str) -> managers.Author:
    now = clock.format_rfc3339(call.services.time.now())
    return managers.Author(manager, call.kind.resource.api_version, now, subresource)


def tracker(call: calls.Call, manager: str, subresource: str = "") -> writer.Manage:
    """Keeps ``managedFields`` of tracked objects true after creates, updates and patches."""

    def manage(new: Object, old: Object | None) -> None:
        call.guard(new, old)
        given = new["metadata"].get("managedFields")
        before = (old or {"metadata": {}})["metadata"].get("managedFields")
        if old is not None and given is not None and given != before:
            new["metadata"]["managedFields"] = managers.write(managers.read(given))
            return
        if old is None or not before:
            new["metadata"].pop("managedFields", None)
            return
        entries = managers.after_update(
            managers.read(before),
            _author(call, manager, subresource),
            _owned(call, old, subresource),
            _owned(call, new, subresource),
            shapes(call),
        )
        new["metadata"]["managedFields"] = managers.write(entries)

    return manage


async def apply_object(call: calls.Call, subresource: str = "") -> Response:
    """PATCH with ``application/apply-patch+yaml``: the whole intent of one manager."""
    asked = call.write_options("PatchOptions", apply=True)
    intent = _read(call, await calls.read_body(call.request))
    shape_of = shapes(call)
    author = _author(call, asked.field_manager, subresource)
    entries: list[managers.Entry] = []

    def change(old: Object) -> Object:
        nonlocal entries
        before = managers.read(old["metadata"].get("managedFields"))
        live, wanted = _owned(call, old, subresource), _owned(call, intent, subresource)
        applied = managers.apply(before, author, live, wanted, shape_of, force=asked.force)
        entries = applied.entries
        new = _compose(old, applied.value, live)
        version = (intent.get("metadata") or {}).get("resourceVersion")
        if version:
            new["metadata"]["resourceVersion"] = version
        return patching.admit_patched(call, new, old, subresource)

    def absent() -> Object:
        nonlocal entries
        uid = (intent.get("metadata") or {}).get("uid")
        if uid:
            raise status.conflict(
                call.kind.resource,
                call.info.name,
                f"uid mismatch: the provided object specified uid {uid}, and no existing object "
                "was found",
            )
        wanted = frozenset(fieldsets.paths_of(_owned(call, intent, subresource), shape_of))
        entries = [managers.Entry(author.manager, "Apply", author.api_version, wanted, author.time)]
        created: Object = codec.deep_copy(intent)
        return decoder.admit(created, None, call.kind, call.admission)

    def manage(new: Object, old: Object | None) -> None:
        call.guard(new, old)
        new["metadata"]["managedFields"] = managers.write(entries)

    outcome = await call.services.writer.update(
        call.kind,
        call.namespace,
        call.info.name,
        change,
        subresource=subresource,
        absent=None if subresource else absent,
        dry_run=asked.dry_run,
        manage=manage,
    )
    return call.answer(outcome.value, 201 if outcome.created else 200)


def _compose(old: Object, applied: Object, live: Object) -> Object:
    """The old object with its ownable part replaced."""
    new: Object = codec.deep_copy(old)
    for field in live.keys() - applied.keys():
        if field == "metadata":
            for name in live["metadata"]:
                new["metadata"].pop(name, None)
        else:
            new.pop(field, None)
    for field, value in applied.items():
        if field == "metadata":
            for name in (live.get("metadata") or {}).keys() - value.keys():
                new["metadata"].pop(name, None)
            new["metadata"].update(codec.deep_copy(value))
        else:
            new[field] = codec.deep_copy(value)
    return new


def _read(call: calls.Call, content: bytes) -> Object:
    resource, name = call.kind.resource, call.info.name
    try:
        intent = bodies.load_yaml(content)
    except ValueError as error:
        raise status.BadRequest(f"error decoding YAML: {error}") from error
    if not isinstance(intent, dict):
        raise status.BadRequest("error decoding YAML: the patch must be an object")
    given_version, given_kind = intent.get("apiVersion") or "", intent.get("kind") or ""
    if (given_version, given_kind) != (resource.api_version, resource.kind):
        group, version = gvk.split_api_version(str(given_version))
        raise status.BadRequest(f"invalid object type: {group}/{version}, Kind={given_kind}")
    metadata = intent.setdefault("metadata", {})
    if metadata.get("managedFields"):
        raise status.BadRequest("metadata.managedFields must be nil")
    given = metadata.setdefault("name", name)
    if given != name:
        raise status.BadRequest(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )
    if call.kind.field_type is not None:
        decoded, unknown = decoding.decode(intent, call.kind.field_type, resource.kind)
        if unknown:
            home = metadata.get("namespace") or ""
            raise status.nameless(
                f"failed to create typed patch object ({home}/{name}; {resource.group}/"
                f"{resource.version}, Kind={resource.kind}): .{unknown[0]}: field not declared in "
                "schema"
            )
        return decoded
    return intent
