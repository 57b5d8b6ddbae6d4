"""A function as the router sees it: everything that a request needs, prepared once.

Most functions of a large installation are not called for hours. So a target is small: the object
is kept as text, which only the executor reads, and slots are made when somebody asks for them.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from fission.api import function_defaults, function_types
from fission.contracts import invocation

if TYPE_CHECKING:
    from fission.router import slots as slots_module

Key = tuple[str, str]
"""Namespace and name."""


SlotsOf = Callable[[str, int, str, float, float], "slots_module.Slots"]
"""Finds or makes slots; see `endpoints.EndpointIndex.slots_of`."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Target:
    """One function at one generation."""

    namespace: str
    name: str
    uid: str
    generation: int
    executor_type: str
    timeout_seconds: float
    requests_per_pod: float
    """Most requests at once on one address; infinite where pods scale by load."""
    always_ask: bool
    """Every request needs an address of its own from the executor."""
    stream_idle_seconds: float | None
    """Longest silence of a streaming function; None where answers are not streamed."""
    stream_max_seconds: float
    """Longest stream; infinite where nothing is said."""
    tunnel_idle_seconds: float | None
    """Longest silence of a WebSocket; None where the function names none."""
    identity_lines: bytes
    """Header lines that tell the function who it is, each led by CRLF."""
    content: bytes
    """The Function object as the API has it, without its status; JSON."""
    pool_limit: float
    """What holds for pods of a pool, whatever the executor type."""
    slots_of: SlotsOf
    known_slots: slots_module.Slots | None = None
    """Once there are some."""

    @property
    def slots(self) -> slots_module.Slots:
        """Its pods, their load here, and who waits for them."""
        found = self.known_slots
        if found is None:
            found = self.slots_of(
                self.uid,
                self.generation,
                self.executor_type,
                self.requests_per_pod,
                self.pool_limit,
            )
            object.__setattr__(self, "known_slots", found)
        return found

    @property
    def wire(self) -> dict[str, Any]:
        """The Function object as the API has it, without its status."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found

    @property
    def label(self) -> str:
        """Namespace and name, for messages."""
        return f"{self.namespace}/{self.name}"


def make_target(
    wire: dict[str, Any],
    function: function_types.Function,
    slots_of: SlotsOf,
    default_stream_idle_seconds: float,
) -> Target:
    """Prepare a function."""
    metadata, spec = function.metadata, function.spec
    executor_type = function_defaults.executor_type(spec)
    pooled = executor_type == function_types.POOLMGR
    pool_limit = float(function_defaults.requests_per_pod(spec))
    per_pod = pool_limit if pooled else math.inf
    streaming = spec.streaming
    idle = None
    longest = math.inf
    if streaming is not None:
        idle = streaming.idle_timeout_seconds or default_stream_idle_seconds
        longest = streaming.max_duration_seconds or math.inf
    generation = metadata.generation or 0
    return Target(
        namespace=sys.intern(metadata.namespace),
        name=metadata.name,
        uid=metadata.uid,
        generation=generation,
        executor_type=sys.intern(executor_type),
        timeout_seconds=float(function_defaults.timeout_seconds(spec)),
        requests_per_pod=per_pod,
        always_ask=pooled and (spec.once_only or function_defaults.is_strict(metadata)),
        stream_idle_seconds=idle,
        stream_max_seconds=longest,
        tunnel_idle_seconds=_tunnel_idle(streaming),
        identity_lines=_identity_lines(metadata.uid, wire["metadata"]),
        content=_content(wire),
        pool_limit=pool_limit,
        slots_of=slots_of,
    )


def _tunnel_idle(streaming: function_types.Streaming | None) -> float | None:
    if streaming is None or streaming.protocol != "websocket":
        return None
    return streaming.idle_timeout_seconds or None


def _content(wire: dict[str, Any]) -> bytes:
    content = orjson.dumps({key: part for key, part in wire.items() if key != "status"})
    return bytes(memoryview(content))  # as large as the text; the encoder's buffer is larger


def _identity_lines(uid: str, metadata: dict[str, Any]) -> bytes:
    pairs = (
        (invocation.FUNCTION_UID, uid),
        (invocation.FUNCTION_NAME, metadata.get("name", "")),
        (invocation.FUNCTION_NAMESPACE, metadata.get("namespace", "")),
        (invocation.FUNCTION_RESOURCE_VERSION, metadata.get("resourceVersion", "")),
    )
    return "".join(f"\r\n{name}: {value}" for name, value in pairs).encode("latin-1")
