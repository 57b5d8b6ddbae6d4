"""Request bodies → objects: JSON, YAML, protobuf; and the sentences that refuse them."""

from __future__ import annotations

import json
from typing import Any

import orjson

from fission.cluster.apiserver import hooks, negotiation
from fission.meta import status

MAX_BODY_BYTES = 3 * 1024 * 1024
"""The limit of upstream's API server."""


def too_large() -> status.RequestEntityTooLarge:
    return status.RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY_BYTES}")


def decode(
    content: bytes, content_type: str, protobuf: hooks.Protobuf | None, custom: bool = False
) -> Any:
    """The body as untyped data; raises UnsupportedMediaType, or ValueError that says why."""
    media = negotiation.body_media(content_type)
    if media == negotiation.PROTOBUF:
        if protobuf is None or custom:
            raise status.UnsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types "
                "include: application/json, application/yaml"
            )
        return protobuf.decode(content)
    if media == negotiation.YAML:
        return load_yaml(content)
    return load_json(content)


def load_json(content: bytes) -> Any:
    """Raises ValueError in the words of Go's decoder, as far as they can be had."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(_go_error(content, error)) from error


def load_yaml(content: bytes) -> Any:
    """Raises ValueError."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = yaml.load(content, Loader=loader)
        return orjson.loads(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"error converting YAML to JSON: {error}") from error


def _go_error(content: bytes, error: orjson.JSONDecodeError) -> str:
    text = content.decode("utf-8", "replace")
    position = min(error.pos, len(text))
    if not text.strip() or position >= len(text.rstrip()):
        return "unexpected end of JSON input"
    before = text[:position].rstrip()
    char = text[position]
    if before.endswith(("{", ",")) and _inside_object(before):
        return f"invalid character '{char}' looking for beginning of object key string"
    return f"invalid character '{char}' looking for beginning of value"


def _inside_object(text: str) -> bool:
    return text.rfind("{") > text.rfind("[")


def unrecognized(kind: str, content: bytes, why: str) -> status.BadRequest:
    """A body that is no object at all."""
    text = content.decode("utf-8", "replace")[:256]
    return status.BadRequest(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get "
        f"version/kind; json parse error: {why} ({text})"
    )


def cannot_handle(kind: str, version: str, wanted: str, why: str) -> status.BadRequest:
    """A body that is an object, but not one of that kind."""
    return status.BadRequest(
        f'{kind} in version "{version}" cannot be handled as a {wanted}: {why}'
    )


def duplicate_fields(content: bytes) -> list[str]:
    """Paths of the fields that a JSON text states twice (Strict forbids them)."""
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> Any:
        node: dict[str, Any] = {}
        for key, value in items:
            if key in node:
                found.append(key)
            node[key] = value
        return node

    try:
        tree = json.loads(content, object_pairs_hook=pairs)
    except ValueError:
        return []
    if not found:
        return []
    return [_locate(tree, key) or key for key in dict.fromkeys(found)]


def _locate(node: Any, key: str, path: str = "") -> str | None:
    if isinstance(node, dict):
        for name, value in node.items():
            here = f"{path}.{name}" if path else name
            if name == key:
                return here
            deeper = _locate(value, key, here)
            if deeper:
                return deeper
    elif isinstance(node, list):
        for position, value in enumerate(node):
            deeper = _locate(value, key, f"{path}[{position}]")
            if deeper:
                return deeper
    return None
