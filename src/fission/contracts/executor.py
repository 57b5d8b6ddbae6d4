"""Router → executor: the address of a function, more capacity, and reports of use.

Requests carry the Function object; a router that has it as a wire dict sends that dict. Answers
are a plain-text address without a scheme; errors are plain text with a status.
"""

from typing import Any, ClassVar, Final

from msgspec import field

from fission.api import function_types, schema
from fission.contracts import gojson
from fission.meta import objectmeta

PORT: Final = 8888
SOCKET_NAME: Final = "http"
GET_SERVICE_FOR_FUNCTION: Final = "/v2/getServiceForFunction"
ENSURE_CAPACITY: Final = "/v2/ensureCapacity"
TAP_SERVICES: Final = "/v2/tapServices"
UNTAP_SERVICE: Final = "/v2/unTapService"
TAP_SERVICE_LEGACY: Final = "/v2/tapService"
DEBUG_INFO: Final = "/v2/debugInfo"
HEALTHZ: Final = "/healthz"
READYZ: Final = "/readyz"

CONCURRENCY_LIMIT_MESSAGE: Final = "concurrency '{limit}' limit reached."
NOT_FOUND: Final = "Not found"
TAP_INTERVAL_SECONDS: Final = 5.0


class EnsureCapacityRequest(schema.Model):
    """Asks for one more pod, because all that the router knows are busy."""

    written: ClassVar[tuple[str, ...]] = ("observed_ready_endpoints", "observed_busy_endpoints")

    function: function_types.Function = field(default_factory=function_types.Function)
    observed_ready_endpoints: int = 0
    observed_busy_endpoints: int = 0


class TapServiceRequest(schema.Model):
    """One function service that was used. ``ServiceURL`` has a scheme in taps, none in untaps."""

    written: ClassVar[tuple[str, ...]] = ("metadata", "executor_type", "service_url")

    metadata: objectmeta.ObjectMeta = field(
        default_factory=objectmeta.ObjectMeta, name="FnMetadata"
    )
    executor_type: str = field(default="", name="FnExecutorType")
    service_url: str = field(default="", name="ServiceURL")


def decode_function(content: bytes) -> function_types.Function:
    """Body of getServiceForFunction."""
    return gojson.decode(content, function_types.Function)


def decode_ensure_capacity(content: bytes) -> EnsureCapacityRequest:
    """Body of ensureCapacity."""
    return gojson.decode(content, EnsureCapacityRequest)


def decode_taps(content: bytes) -> list[TapServiceRequest]:
    """Body of tapServices."""
    return gojson.decode(content, list[TapServiceRequest])


def decode_untap(content: bytes) -> TapServiceRequest:
    """Body of unTapService."""
    return gojson.decode(content, TapServiceRequest)


def encode(message: schema.Model | list[TapServiceRequest] | dict[str, Any]) -> bytes:
    """Body of any of these requests."""
    return gojson.encode(message)


def concurrency_limit_message(limit: int) -> str:
    """Text of the 429 that a function at its ``concurrency`` gets."""
    return "function " + CONCURRENCY_LIMIT_MESSAGE.format(limit=limit)
