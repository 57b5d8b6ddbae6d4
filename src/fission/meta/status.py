"""Status bodies and the error classes that they are.

The API server raises ``Conflict``; the client at the other end, having read the Status, raises
the same ``Conflict``. Constructors below write Kubernetes' own messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fission.base import errors
from fission.meta import gvk


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object was refused; ``field`` is a path such as ``spec.replicas``."""

    reason: str
    message: str
    field: str

    def to_dict(self) -> dict[str, str]:
        out = {"reason": self.reason, "message": self.message}
        if self.field:
            out["field"] = self.field
        return out


class StatusError(errors.Error):
    """A failed call to a Kubernetes API."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.details: dict[str, Any] | None = None if details is None else dict(details)
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.http_code = self.code
        self.status_reason = self.reason

    @property
    def causes(self) -> list[Cause]:
        found = (self.details or {}).get("causes") or []
        return [Cause(c.get("reason", ""), c.get("message", ""), c.get("field", "")) for c in found]

    @property
    def retry_after_seconds(self) -> int | None:
        value = (self.details or {}).get("retryAfterSeconds")
        return int(value) if value else None

    def to_dict(self) -> dict[str, Any]:
        """The Status object, keys in Kubernetes' order."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.status_reason:
            body["reason"] = self.status_reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.http_code
        return body


class BadRequest(StatusError):
    code = 400
    reason = "BadRequest"


class Unauthorized(StatusError):
    code = 401
    reason = "Unauthorized"


class Forbidden(StatusError):
    code = 403
    reason = "Forbidden"


class NotFound(StatusError):
    code = 404
    reason = "NotFound"


class MethodNotAllowed(StatusError):
    code = 405
    reason = "MethodNotAllowed"


class NotAcceptable(StatusError):
    code = 406
    reason = "NotAcceptable"


class Conflict(StatusError):
    code = 409
    reason = "Conflict"
    retryable = True


class AlreadyExists(StatusError):
    code = 409
    reason = "AlreadyExists"


class Expired(StatusError):
    """The resourceVersion is too old: list again."""

    code = 410
    reason = "Expired"
    retryable = True


class RequestEntityTooLarge(StatusError):
    code = 413
    reason = "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    code = 415
    reason = "UnsupportedMediaType"


class Invalid(StatusError):
    code = 422
    reason = "Invalid"


class TooManyRequests(StatusError):
    code = 429
    reason = "TooManyRequests"
    retryable = True


class InternalError(StatusError):
    code = 500
    reason = "InternalError"
    retryable = True


class ServiceUnavailable(StatusError):
    code = 503
    reason = "ServiceUnavailable"
    retryable = True


class Timeout(StatusError):
    code = 504
    reason = "Timeout"
    retryable = True


_CLASSES: tuple[type[StatusError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Conflict,
    AlreadyExists,
    Expired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
)
_BY_REASON: dict[str, type[StatusError]] = {cls.reason: cls for cls in _CLASSES}
_BY_REASON["Gone"] = Expired
_BY_CODE: dict[int, type[StatusError]] = {
    cls.code: cls for cls in _CLASSES if cls is not AlreadyExists
}

MAX_MESSAGE_CHARS = 2000
"""A body that is no Status is cut here before it can reach a log or a terminal."""


def from_dict(body: Any, http_code: int) -> StatusError:
    """The error that a response body describes; any body will do, its code decides then."""
    if isinstance(body, dict) and body.get("kind") == "Status":
        code = int(body.get("code") or http_code)
        cls = _BY_REASON.get(str(body.get("reason") or "")) or _class_of_code(code)
        metadata = body.get("metadata")
        error = cls(
            str(body.get("message") or f"HTTP {code}"),
            body.get("details") if isinstance(body.get("details"), dict) else None,
            metadata=metadata if isinstance(metadata, dict) else None,
        )
        error.http_code = code
        error.status_reason = str(body.get("reason") or "")
        return error
    text = body.decode("utf-8", "replace") if isinstance(body, (bytes, bytearray)) else str(body)
    error = _class_of_code(http_code)(text[:MAX_MESSAGE_CHARS].strip() or f"HTTP {http_code}")
    error.http_code = http_code
    return error


def _class_of_code(code: int) -> type[StatusError]:
    return _BY_CODE.get(code) or (StatusError if code < 500 else InternalError)


# --- Kubernetes' own messages -------------------------------------------------------------------


def _details(name: str, group: str, kind: str, uid: str = "") -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind, "uid": uid}
    return {key: value for key, value in details.items() if value}


def not_found(resource: gvk.Resource, name: str) -> NotFound:
    return NotFound(
        f'{resource.group_resource} "{name}" not found',
        _details(name, resource.group, resource.plural),
    )


def already_exists(resource: gvk.Resource, name: str) -> AlreadyExists:
    return AlreadyExists(
        f'{resource.group_resource} "{name}" already exists',
        _details(name, resource.group, resource.plural),
    )


def conflict(resource: gvk.Resource, name: str, why: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}',
        _details(name, resource.group, resource.plural),
    )


def modified(resource: gvk.Resource, name: str) -> Conflict:
    """The resourceVersion that the writer saw is not the newest."""
    return conflict(
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version"
        " and try again",
    )


def forbidden(resource: gvk.Resource, name: str, why: str) -> Forbidden:
    quoted = f' "{name}"' if name else ""
    return Forbidden(
        f"{resource.group_resource}{quoted} is forbidden: {why}",
        _details(name, resource.group, resource.plural),
    )


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Invalid:
    """422 with one message of all causes: ``Pod "x" is invalid: [a, b]``."""
    qualified = f"{kind}.{group}" if group else kind
    texts = [f"{c.field}: {c.message}" if c.field else c.message for c in causes]
    problem = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = _details(name, group, kind)
    details["causes"] = [c.to_dict() for c in causes]
    return Invalid(f'{qualified} "{name}" is invalid: {problem}', details)


def bad_request(message: str) -> BadRequest:
    return BadRequest(message)


def nameless(message: str) -> StatusError:
    """A 500 without a reason: what upstream answers to errors that it did not foresee."""
    error = StatusError(message)
    error.status_reason = ""
    return error


# Causes in the words of field validation.


def required(field: str, why: str = "") -> Cause:
    message = "Required value" + (f": {why}" if why else "")
    return Cause("FieldValueRequired", message, field)


def invalid_value(field: str, value: Any, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {format_value(value)}: {why}", field)


def not_supported(field: str, value: Any, allowed: Sequence[str]) -> Cause:
    listed = ", ".join(f'"{a}"' for a in allowed)
    return Cause(
        "FieldValueNotSupported",
        f"Unsupported value: {format_value(value)}: supported values: {listed}",
        field,
    )


def duplicate(field: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {format_value(value)}", field)


def forbidden_field(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def format_value(value: Any) -> str:
    """A value as Kubernetes prints it in messages: strings quoted, objects as JSON."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"))
    return str(value)
