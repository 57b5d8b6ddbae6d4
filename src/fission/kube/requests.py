"""Building Kubernetes requests: pure functions from an intention to method, path, headers, body.

What the server answers is read by ``client``; watch lines by ``meta.watch``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib import parse

import orjson

from fission.meta import gvk

PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
"""The four patch documents; server-side apply takes YAML, of which JSON is a part."""

JSON = "application/json"
Selector = str | Mapping[str, str] | None
Parameters = Iterable[tuple[str, str | int | bool | None]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request without server and credentials."""

    method: str
    path: str
    """Path and query, escaped."""
    body: bytes = field(default=b"", repr=False)
    content_type: str = JSON
    accept: str = JSON


def get(
    resource: gvk.Resource, name: str, namespace: str | None, subresource: str | None = None
) -> Request:
    return Request("GET", resource.path(namespace, name, subresource))


def list_page(
    resource: gvk.Resource,
    namespace: str | None,
    *,
    label_selector: Selector = None,
    field_selector: Selector = None,
    limit: int | None = None,
    continue_token: str = "",
    resource_version: str = "",
) -> Request:
    parameters: Parameters = (
        ("labelSelector", selector_text(label_selector)),
        ("fieldSelector", selector_text(field_selector)),
        ("limit", limit),
        ("continue", continue_token),
        ("resourceVersion", "" if continue_token else resource_version),
    )
    return Request("GET", with_query(resource.path(namespace), parameters))


def watch(
    resource: gvk.Resource,
    namespace: str | None,
    *,
    resource_version: str = "",
    label_selector: Selector = None,
    field_selector: Selector = None,
    timeout_seconds: int | None = None,
    initial_events: bool = False,
) -> Request:
    parameters: Parameters = (
        ("watch", True),
        ("allowWatchBookmarks", True),
        ("resourceVersion", resource_version),
        ("labelSelector", selector_text(label_selector)),
        ("fieldSelector", selector_text(field_selector)),
        ("timeoutSeconds", timeout_seconds),
        ("sendInitialEvents", True if initial_events else None),
        ("resourceVersionMatch", "NotOlderThan" if initial_events else None),
    )
    return Request("GET", with_query(resource.path(namespace), parameters))


def write(
    method: str,
    resource: gvk.Resource,
    obj: Mapping[str, Any],
    namespace: str | None,
    name: str | None,
    *,
    subresource: str | None = None,
    field_manager: str | None = None,
    field_validation: str | None = None,
    dry_run: bool = False,
) -> Request:
    """POST or PUT of a whole object."""
    parameters: Parameters = (
        ("fieldManager", field_manager),
        ("fieldValidation", field_validation),
        ("dryRun", "All" if dry_run else None),
    )
    path = with_query(resource.path(namespace, name, subresource), parameters)
    return Request(method, path, encode(obj))


def patch(
    resource: gvk.Resource,
    name: str,
    document: Any,
    namespace: str | None,
    *,
    kind: str = "merge",
    subresource: str | None = None,
    field_manager: str | None = None,
    field_validation: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Request:
    if kind not in PATCH_TYPES:
        raise ValueError(f"patch kind {kind!r} is unknown; allowed are {', '.join(PATCH_TYPES)}")
    parameters: Parameters = (
        ("fieldManager", field_manager),
        ("fieldValidation", field_validation),
        ("force", True if force else None),
        ("dryRun", "All" if dry_run else None),
    )
    path = with_query(resource.path(namespace, name, subresource), parameters)
    return Request("PATCH", path, encode(document), PATCH_TYPES[kind])


def delete(
    resource: gvk.Resource,
    name: str,
    namespace: str | None,
    *,
    grace_period_seconds: int | None = None,
    propagation: str | None = None,
    precondition_uid: str | None = None,
    precondition_resource_version: str | None = None,
    dry_run: bool = False,
) -> Request:
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    if propagation:
        options["propagationPolicy"] = propagation
    preconditions = {
        key: value
        for key, value in (
            ("uid", precondition_uid),
            ("resourceVersion", precondition_resource_version),
        )
        if value
    }
    if preconditions:
        options["preconditions"] = preconditions
    if dry_run:
        options["dryRun"] = ["All"]
    return Request("DELETE", resource.path(namespace, name), encode(options))


def delete_collection(
    resource: gvk.Resource,
    namespace: str | None,
    label_selector: Selector = None,
    field_selector: Selector = None,
) -> Request:
    parameters: Parameters = (
        ("labelSelector", selector_text(label_selector)),
        ("fieldSelector", selector_text(field_selector)),
    )
    return Request("DELETE", with_query(resource.path(namespace), parameters))


def encode(document: Any) -> bytes:
    return orjson.dumps(document)


def selector_text(selector: Selector) -> str:
    """A selector as text; a mapping means equality for each entry."""
    if not selector:
        return ""
    if isinstance(selector, str):
        return selector
    return ",".join(f"{key}={value}" for key, value in selector.items())


def with_query(path: str, parameters: Parameters) -> str:
    """Append what is set; None and empty texts are left out, booleans become words."""
    pairs = [
        (name, ("true" if value else "false") if isinstance(value, bool) else str(value))
        for name, value in parameters
        if value is not None and value != ""
    ]
    return f"{path}?{parse.urlencode(pairs, quote_via=parse.quote)}" if pairs else path
