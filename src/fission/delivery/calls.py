"""One call of a function by an event, as data, and its place on the router's internal listener."""

from __future__ import annotations

import dataclasses
import hashlib
import urllib.parse
from typing import Final

from fission.api import reference_types
from fission.contracts import invocation
from fission.delivery import errors

TIMEOUT_SECONDS: Final = 3600.0
"""How long one attempt may take; a function's own timeout is far shorter, and the router's."""
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_KEPT_IN_TARGETS: Final = "/?&=%:@!$'()*+,;~-._"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """What is sent. Every attempt sends the same, request id included."""

    namespace: str
    function: reference_types.FunctionReference
    method: str = "POST"
    sub_path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    request_id: str = ""
    """Given to the function as ``X-Fission-Request-ID``; empty: the publisher makes one."""
    timeout_seconds: float = TIMEOUT_SECONDS
    max_answer_bytes: int = MAX_ANSWER_BYTES
    """A longer answer counts as delivered, and comes back empty and marked as cut off."""


def target_of(call: Call) -> str:
    """Request target on the internal listener; raises BadCall."""
    reference = call.function
    name = function_name(reference, call.request_id)
    suffix = ""
    if reference.type == reference_types.BY_NAME:
        suffix = reference.alias or reference.version
    sub_path = urllib.parse.quote(call.sub_path, safe=_KEPT_IN_TARGETS)
    if sub_path.startswith("?"):
        sub_path = "/" + sub_path
    return invocation.function_path(name, call.namespace, suffix, sub_path)


def function_name(reference: reference_types.FunctionReference, request_id: str) -> str:
    """The function meant; of several weighted ones, all attempts of a request get the same."""
    if reference.type != reference_types.BY_WEIGHT:
        if not reference.name:
            raise errors.BadCall("functionref.name is empty: name the function to call")
        return reference.name
    weights = {name: max(0, weight) for name, weight in (reference.function_weights or {}).items()}
    total = sum(weights.values())
    if total == 0:
        raise errors.BadCall("functionref.functionweights has no weight above 0")
    digest = hashlib.sha256(request_id.encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") % total
    for name, weight in sorted(weights.items()):
        if drawn < weight:
            return name
        drawn -= weight
    raise AssertionError("the draw is below the sum")
