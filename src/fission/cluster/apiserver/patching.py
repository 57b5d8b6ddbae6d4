"""Patch documents: which type, what they make of an object, how it is admitted."""

from __future__ import annotations

from typing import Any

from fission.cluster.apiserver import bodies, calls, decoder
from fission.meta import codec, patch, status

Object = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_REJECTED = "the server rejected our request due to an error in our request"


def media_type(call: calls.Call) -> str:
    """The patch type; raises UnsupportedMediaType."""
    header = call.request.headers.get("content-type", "")
    media = header.partition(";")[0].strip().lower()
    known = {JSON_PATCH, MERGE_PATCH, APPLY_PATCH}
    if call.kind.custom is None:
        known.add(STRATEGIC_PATCH)
    if media not in known:
        if call.kind.custom is not None:
            raise status.UnsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join((JSON_PATCH, MERGE_PATCH, APPLY_PATCH))
            )
        raise status.UnsupportedMediaType("415: Unsupported Media Type", {})
    return media


def read_patch(media: str, content: bytes) -> Any:
    """The patch document; raises BadRequest."""
    try:
        document = bodies.load_json(content)
    except ValueError as error:
        raise status.BadRequest(f"error decoding patch: {error}") from error
    if media == JSON_PATCH or isinstance(document, dict):
        return document
    raise status.BadRequest(
        "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}"
    )


def apply(media: str, old: Object, document: Any) -> Object:
    """The patched document; raises ``status`` errors."""
    try:
        if media == JSON_PATCH:
            return patch.apply_json(old, document)
        if media == MERGE_PATCH:
            merged: Object = codec.deep_copy(patch.apply_merge(old, document))
            return merged
        strategic: Object = codec.deep_copy(patch.apply_strategic(old, document))
        return strategic
    except patch.PatchRejected as error:
        raise status.Invalid(_REJECTED, {}) from error
    except patch.PatchError as error:
        raise status.BadRequest(f"error decoding patch: {error}") from error
    except patch.MissingMergeKey as error:
        raise status.nameless(str(error)) from error


def admit_patched(call: calls.Call, new: Object, old: Object, subresource: str) -> Object:
    """Field validation of a patched object: 422 where a whole body would be 400."""
    kind = call.kind
    if (new.get("kind"), new.get("apiVersion")) != (old.get("kind"), old.get("apiVersion")):
        decoder.check_type(new, kind)
    try:
        return decoder.admit(new, old, kind, call.admission, subresource=subresource)
    except status.BadRequest as error:
        raise decoder.patch_failure(new, error) from error
