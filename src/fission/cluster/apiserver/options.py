"""Query parameters → options, each refused in Kubernetes' words when it makes no sense. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fission.cluster.apiserver import hooks
from fission.meta import selectors, status

MAX_FIELD_MANAGER_BYTES = 128


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() in ("", "1", "t", "true")


def _invalid(kind: str, cause: status.Cause) -> status.Invalid:
    return status.invalid("meta.k8s.io", kind, "", [cause])


# --- Writes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteOptions:
    dry_run: bool = False
    field_manager: str = ""
    field_validation: hooks.FieldValidation = "Warn"
    force: bool = False


def parse_write(
    query: Mapping[str, str], kind: str, user_agent: str = "", *, apply: bool = False
) -> WriteOptions:
    """``kind`` is CreateOptions, UpdateOptions or PatchOptions, for messages."""
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise _invalid(kind, status.not_supported("dryRun", [dry_run], ["All"]))
    manager = query.get("fieldManager", "")
    if len(manager.encode()) > MAX_FIELD_MANAGER_BYTES:
        raise _invalid(kind, status.too_long("fieldManager", MAX_FIELD_MANAGER_BYTES))
    if apply and not manager:
        raise _invalid(kind, status.required("fieldManager", "is required for apply patch"))
    validation = query.get("fieldValidation", "")
    if validation not in ("", "Ignore", "Strict", "Warn"):
        raise _invalid(
            kind,
            status.not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]),
        )
    if "force" in query and kind == "PatchOptions" and not apply:
        raise _invalid(
            kind, status.forbidden_field("force", "may not be specified for non-apply patch")
        )
    chosen: hooks.FieldValidation = validation or "Warn"  # type: ignore[assignment]
    manager = manager or user_agent.partition("/")[0][:MAX_FIELD_MANAGER_BYTES] or "unknown"
    return WriteOptions(dry_run == "All", manager, chosen, _is_true(query.get("force", "false")))


# --- Deletes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    dry_run: bool = False
    grace_period_seconds: int | None = None
    propagation: str = ""
    """Background, Foreground, Orphan; empty = the kind's default (Background)."""
    uid: str = ""
    resource_version: str = ""


def parse_delete(query: Mapping[str, str], body: Mapping[str, Any] | None) -> DeleteOptions:
    """The body wins over the query, as upstream."""
    if body:
        kind = body.get("kind")
        if kind not in (None, "", "DeleteOptions"):
            raise status.BadRequest(
                f'no kind "{kind}" is registered for version "{body.get("apiVersion", "")}" in'
                ' scheme "pkg/apis/meta/internalversion/scheme/register.go:27"'
            )
        source: Mapping[str, Any] = body
        dry = body.get("dryRun") or []
    else:
        source = query
        dry = [query["dryRun"]] if query.get("dryRun") else []
    if any(item != "All" for item in dry):
        raise _invalid("DeleteOptions", status.not_supported("dryRun", list(dry), ["All"]))
    propagation = str(source.get("propagationPolicy") or "")
    orphan = source.get("orphanDependents")
    if orphan is not None and propagation:
        raise _invalid(
            "DeleteOptions",
            status.invalid_value(
                "propagationPolicy",
                propagation,
                "orphanDependents and deletionPropagation cannot be both set",
            ),
        )
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        raise _invalid(
            "DeleteOptions",
            status.not_supported(
                "propagationPolicy", propagation, ["Background", "Foreground", "Orphan"]
            ),
        )
    if orphan is not None:
        propagation = "Orphan" if orphan in (True, "true", "1") else "Background"
    preconditions = (body or {}).get("preconditions") or {}
    return DeleteOptions(
        bool(dry),
        _grace(source.get("gracePeriodSeconds")),
        propagation,
        str(preconditions.get("uid") or ""),
        str(preconditions.get("resourceVersion") or ""),
    )


def _grace(value: Any) -> int | None:
    if value in (None, ""):
        return None
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise status.BadRequest(
            f"gracePeriodSeconds: invalid value {status.format_value(value)}"
        ) from error


# --- Lists and watches --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Continue:
    """Where the next page starts, and the revision all pages show."""

    revision: int
    start: str
    """The first key of the page: ``namespace/name`` or ``name``."""


ALL_LABELS = selectors.LabelSelector()
ALL_FIELDS = selectors.FieldSelector()


@dataclass(frozen=True, slots=True)
class ListOptions:
    labels: selectors.LabelSelector = ALL_LABELS
    fields: selectors.FieldSelector = ALL_FIELDS
    limit: int = 0
    page: Continue | None = None
    resource_version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_seconds: float | None = None


def parse_list(query: Mapping[str, str], *, watch: bool = False) -> ListOptions:
    """Raises BadRequest and Invalid as the API server does."""
    watch = watch or _is_true(query.get("watch"))
    try:
        labels = selectors.LabelSelector.parse(query.get("labelSelector", ""))
        fields = selectors.FieldSelector.parse(query.get("fieldSelector", ""))
    except selectors.SelectorError as error:
        raise status.BadRequest(str(error)) from error
    initial = query.get("sendInitialEvents")
    options = ListOptions(
        labels,
        fields,
        _integer(query, "limit"),
        decode_continue(query["continue"]) if query.get("continue") else None,
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
        watch,
        _is_true(query.get("allowWatchBookmarks")),
        None if initial is None else _is_true(initial),
        float(_integer(query, "timeoutSeconds")) or None,
    )
    _check_list(options)
    return options


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    try:
        return max(int(text), 0)
    except ValueError as error:
        raise status.BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _check_list(options: ListOptions) -> None:
    version, match = options.resource_version, options.match
    if options.page is not None and version:
        raise status.BadRequest("specifying resource version is not allowed when using continue")
    if options.page is not None and match:
        raise _invalid(
            "ListOptions",
            status.forbidden_field(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden when continue is provided",
            ),
        )
    cause = _watch_problem(options) if options.watch else _list_problem(version, match, options)
    if cause is not None:
        raise _invalid("ListOptions", cause)
    if version and options.watch and not version.isdigit():
        raise status.nameless(
            f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}":'
            " invalid syntax"
        )
    if version:
        revision_of(version)


def _list_problem(version: str, match: str, options: ListOptions) -> status.Cause | None:
    if options.send_initial_events is not None:
        return status.forbidden_field(
            "sendInitialEvents", "sendInitialEvents is forbidden for list"
        )
    if not match:
        return None
    if not version:
        return status.forbidden_field(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    if match not in ("Exact", "NotOlderThan"):
        return status.not_supported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""])
    if match == "Exact" and version == "0":
        return status.forbidden_field(
            "resourceVersionMatch",
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        )
    return None


def _watch_problem(options: ListOptions) -> status.Cause | None:
    if options.send_initial_events is None:
        if options.match:
            return status.forbidden_field(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        return None
    if options.match != "NotOlderThan":
        if not options.match:
            return status.forbidden_field(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )
        return status.not_supported("resourceVersionMatch", options.match, ["NotOlderThan"])
    if options.send_initial_events and not options.bookmarks:
        return status.forbidden_field(
            "sendInitialEvents", "sendInitialEvents requires setting allowWatchBookmarks to true"
        )
    return None


def revision_of(text: str) -> int:
    """A resourceVersion as a number; raises BadRequest."""
    if not text.isdigit():
        raise status.BadRequest(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": '
            f'strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def encode_continue(page: Continue) -> str:
    """Unpadded URL-safe base64 of ``{"v":"meta.k8s.io/v1","rv":…,"start":…}``."""
    body = json.dumps(
        {"v": "meta.k8s.io/v1", "rv": page.revision, "start": page.start}, separators=(",", ":")
    )
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode_continue(token: str) -> Continue:
    """Raises BadRequest for a token that this server did not make."""
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if body["v"] != "meta.k8s.io/v1":
            raise ValueError("version")
        return Continue(int(body["rv"]), str(body["start"]))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise status.BadRequest(f"continue key is not valid: {error}") from error
