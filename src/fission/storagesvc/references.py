"""Which archives are in use: those that objects of the Kubernetes API name. Pure.

A Package names its source and its deployment archive. A ConfigMap with the label of a build cache
names what earlier builds made, in values of JSON with a ``url``. A URL names an archive when its
query holds an ``id``; which host it names does not matter, since a Service has many names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib import parse

import orjson

_ANY_ID: Final = re.compile(r"[?&]id=([^&\"'\\\s]+)")


def referenced_ids(referrers: Iterable[dict[str, Any]]) -> set[str]:
    """The archive ids that Packages and ConfigMaps name."""
    found: set[str] = set()
    for referrer in referrers:
        spec = referrer.get("spec") or {}
        for archive in (spec.get("source") or {}, spec.get("deployment") or {}):
            found |= ids_in_url(str(archive.get("url") or ""))
        for value in (referrer.get("data") or {}).values():
            found |= _ids_in_entry(str(value))
    return found


def ids_in_url(url: str) -> set[str]:
    """The ids in the query of a URL."""
    return set(parse.parse_qs(parse.urlsplit(url).query).get("id", ()))


def _ids_in_entry(text: str) -> set[str]:
    try:
        entry = orjson.loads(text)
    except orjson.JSONDecodeError:
        entry = None
    if isinstance(entry, dict) and isinstance(entry.get("url"), str):
        return ids_in_url(entry["url"])
    # Not in the form that we know: whatever looks like an id is kept rather than lost.
    return {parse.unquote(found) for found in _ANY_ID.findall(text)}
