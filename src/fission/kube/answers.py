"""Reading what the server answers: errors, pauses it asks for, lists. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from fission.meta import gvk, status

Obj = dict[str, Any]

RETRIED_CODES = frozenset({429, 503, 504})


def error_from(code: int, body: bytes) -> status.StatusError:
    """The error that an answer describes, whether its body is a Status or plain text."""
    try:
        return status.from_dict(orjson.loads(body), code)
    except orjson.JSONDecodeError:
        return status.from_dict(body, code)


def retry_pause(error: status.StatusError, header: str | None) -> float | None:
    """Seconds after which the server wants the call repeated; None: it did not ask for that."""
    if error.http_code not in RETRIED_CODES:
        return None
    if header is not None and header.isdecimal():
        return float(header)
    seconds = error.retry_after_seconds
    return None if seconds is None else float(seconds)


def complete_items(page: Obj, resource: gvk.Resource) -> list[Obj]:
    """The items of a list with kind and apiVersion, which built-in kinds leave out of them."""
    items: list[Obj] = page.get("items") or []
    for item in items:
        item.setdefault("kind", resource.kind)
        item.setdefault("apiVersion", resource.api_version)
    return items
