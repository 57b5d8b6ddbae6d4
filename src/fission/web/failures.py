"""Errors → responses: the one place that gives an error its status code.

Two shapes exist: the Kubernetes Status (the rule), and plain text (wires whose contract says so).
What is not one of our errors stays inside: the caller learns only that something failed.
"""

from __future__ import annotations

import enum
import json
import logging
from typing import TYPE_CHECKING, Final

from fission.base import errors
from fission.meta import status
from fission_http import body as bodies
from fission_http import errors as http_errors
from fission_http import server

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]
JSON: Final = [("Content-Type", "application/json")]

_CODES: Final[dict[str, int]] = {
    "InvalidInput": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "AlreadyExists": 409,
    "RequestEntityTooLarge": 413,
    "Invalid": 422,
    "TooManyRequests": 429,
    "ServiceUnavailable": 503,
    "Unreachable": 503,
    "DeadlineExceeded": 504,
    "Timeout": 504,
}


class Shape(enum.Enum):
    """How errors look on a wire."""

    STATUS = "status"
    TEXT = "text"


def code_of(error: BaseException, codes: Mapping[type[errors.Error], int] | None = None) -> int:
    """The status code of an error: as the service says, as the Status says, else by its reason."""
    for kind in type(error).__mro__:
        if codes and kind in codes:
            return codes[kind]
    if isinstance(error, status.StatusError):
        return error.code
    if isinstance(error, errors.Error):
        return _CODES.get(error.reason, 500)
    if isinstance(error, http_errors.BodyTooLarge):
        return 413
    if isinstance(error, http_errors.RequestTimeout):
        return 408
    if isinstance(error, bodies.BodyError):
        return 400
    return 500


def to_response(
    error: Exception,
    shape: Shape = Shape.STATUS,
    codes: Mapping[type[errors.Error], int] | None = None,
) -> server.Response:
    """The answer that tells of an error; unexpected ones are logged here and hidden."""
    code = code_of(error, codes)
    foreseen = isinstance(error, errors.Error | http_errors.HttpError | bodies.BodyError)
    if not foreseen:
        _log.error("a request failed unexpectedly", exc_info=error)
    message = str(error) if foreseen else "internal error"
    if code == 401:
        return server.Response(401)
    if shape is Shape.TEXT:
        return server.Response(code, TEXT, message.encode() + b"\n")
    if isinstance(error, status.StatusError):
        body = error.to_dict()
    else:
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": error.reason if isinstance(error, errors.Error) else _reason(code),
            "code": code,
        }
    return server.Response(code, JSON, json.dumps(body).encode())


def _reason(code: int) -> str:
    for reason, value in _CODES.items():
        if value == code:
            return reason
    return "InternalError" if code >= 500 else "BadRequest"
