"""The verbs on collections and objects: each reads its options, calls one part, renders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from fission.cluster.apiserver import (
    applying,
    bodies,
    calls,
    decoder,
    listing,
    negotiation,
    options,
    patching,
    streaming,
    watching,
    writer,
)
from fission.cluster.storage import errors, records
from fission.meta import codec, objectmeta, selectors, status

Object = dict[str, Any]


async def get_object(call: calls.Call) -> Response:
    """GET of one object; ``watch=1`` on it is ignored, as upstream does."""
    version = call.query.get("resourceVersion", "")
    revision = options.revision_of(version) if version else 0
    source = call.services.source
    if revision > source.revision:
        raise listing.too_large(errors.FutureRevision(revision, source.revision))
    record = source.get(key_of(call))
    if record is None:
        raise status.not_found(call.kind.resource, call.info.name)
    return call.answer(record.value)


def key_of(call: calls.Call) -> records.Key:
    """Where the object that the URL names is stored."""
    return records.Key(call.kind.storage_key, call.namespace, call.info.name)


async def list_or_watch(call: calls.Call) -> Response:
    asked = options.parse_list(call.query, watch=call.info.watch_path)
    if call.info.watch_path and call.info.name:
        terms = (*asked.fields.terms, selectors.FieldTerm("metadata.name", call.info.name))
        asked = replace(asked, fields=selectors.FieldSelector(terms))
    accepted, renderer = call.accepted(), call.renderer()
    services = call.services
    if not asked.watch:
        page = await listing.read(services.source, call.kind, call.list_namespace, asked)
        content = renderer.list(page.records, page.revision, page.metadata)
        return calls.respond(content, accepted, 200, call.admission.warnings)
    listing.matcher(call.kind, asked)
    if accepted.media != negotiation.JSON:
        raise status.NotAcceptable(
            "only the following media types are accepted: application/json;stream=watch"
        )
    watch = watching.Watch(
        services.source, call.kind, call.list_namespace, asked, renderer, services.time
    )
    return streaming.WatchResponse(watching.stream(watch), accepted.media, services.live)


async def create(call: calls.Call) -> Response:
    asked = call.write_options("CreateOptions")
    obj = await _read(call)
    if call.info.namespace and not call.kind.resource.namespaced:
        raise status.BadRequest("namespace is not allowed on this type")
    manage = applying.tracker(call, asked.field_manager)
    value = await call.services.writer.create(
        call.kind, call.namespace, obj, dry_run=asked.dry_run, manage=manage
    )
    return call.answer(value, 201)


async def _read(call: calls.Call) -> Object:
    content = await calls.read_body(call.request)
    obj, repeated = decoder.read_object(
        content,
        call.request.headers.get("content-type", ""),
        call.kind,
        call.services.parts.protobuf,
    )
    return decoder.admit(obj, None, call.kind, call.admission, repeated=repeated)


async def replace_object(call: calls.Call, subresource: str = "") -> Response:
    """PUT of an object, or of its status."""
    asked = call.write_options("UpdateOptions")
    content = await calls.read_body(call.request)
    obj, repeated = decoder.read_object(
        content,
        call.request.headers.get("content-type", ""),
        call.kind,
        call.services.parts.protobuf,
    )
    name = call.info.name

    def change(old: Object) -> Object:
        return decoder.admit(
            obj, old, call.kind, call.admission, repeated=repeated, subresource=subresource
        )

    def absent() -> Object:
        if not objectmeta.name_of(obj):
            raise status.BadRequest("name must be provided")
        if objectmeta.uid_of(obj):
            raise writer.uid_mismatch(
                call.kind.resource, call.namespace, name, objectmeta.uid_of(obj), ""
            )
        if objectmeta.resource_version_of(obj):
            raise status.not_found(call.kind.resource, name)
        return decoder.admit(obj, None, call.kind, call.admission, repeated=repeated)

    creates = call.kind.strategy.creates_on_update and not subresource
    outcome = await call.services.writer.update(
        call.kind,
        call.namespace,
        name,
        change,
        subresource=subresource,
        replaces=True,
        absent=absent if creates else None,
        dry_run=asked.dry_run,
        manage=applying.tracker(call, asked.field_manager, subresource),
    )
    return call.answer(outcome.value, 201 if outcome.created else 200)


async def patch_object(call: calls.Call, subresource: str = "") -> Response:
    """PATCH of an object, or of its status, in one of four content types."""
    media = patching.media_type(call)
    if media == patching.APPLY_PATCH:
        return await applying.apply_object(call, subresource)
    asked = call.write_options("PatchOptions")
    document = patching.read_patch(media, await calls.read_body(call.request))

    def change(old: Object) -> Object:
        new = patching.apply(media, old, document)
        return patching.admit_patched(call, new, old, subresource)

    outcome = await call.services.writer.update(
        call.kind,
        call.namespace,
        call.info.name,
        change,
        subresource=subresource,
        dry_run=asked.dry_run,
        manage=applying.tracker(call, asked.field_manager, subresource),
    )
    return call.answer(outcome.value)


async def delete_object(call: calls.Call) -> Response:
    asked = options.parse_delete(call.query, await _delete_body(call))
    outcome = await call.services.writer.delete(call.kind, call.namespace, call.info.name, asked)
    if not outcome.gone or call.kind.strategy.delete_returns_object:
        return call.answer(outcome.value)
    resource, meta = call.kind.resource, outcome.value["metadata"]
    details = {"name": meta["name"], "group": resource.group, "kind": resource.plural}
    details["uid"] = meta["uid"]
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
    return call.answer_plain(body)


async def delete_collection(call: calls.Call) -> Response:
    """Deletes what a list with the same selectors shows, and answers with that list."""
    body = await _delete_body(call)
    asked = options.parse_delete({} if body else call.query, body)
    selection = options.parse_list(
        {key: call.query[key] for key in ("labelSelector", "fieldSelector") if key in call.query}
    )
    source = call.services.source
    page = await listing.read(source, call.kind, call.list_namespace, selection)
    deleted = []
    for record in page.records:
        try:
            outcome = await call.services.writer.delete(
                call.kind, record.key.namespace, record.key.name, asked
            )
        except status.NotFound:
            continue
        revision = int(outcome.value["metadata"]["resourceVersion"])
        deleted.append(
            records.Record(record.key, revision, outcome.value, codec.to_json(outcome.value))
        )
    content = call.renderer().list(deleted, source.revision, {})
    return calls.respond(content, call.accepted())


async def _delete_body(call: calls.Call) -> Mapping[str, Any] | None:
    content = await calls.read_body(call.request)
    if not content.strip():
        return None
    try:
        body = bodies.decode(
            content,
            call.request.headers.get("content-type", ""),
            call.services.parts.protobuf,
        )
    except ValueError as error:
        raise status.BadRequest(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(body, dict):
        raise status.BadRequest("couldn't get version/kind; json parse error: not an object")
    return body
