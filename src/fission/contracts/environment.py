"""Fetcher → runtime server: the load request, and what a runtime says when it is full.

``requestsPerPod`` is our own optional field: a runtime that honours it runs at most that many
requests at once and answers the others 503 with ``X-Fission-Busy``, without running them, so that
the router can go elsewhere. Runtimes that do not know it ignore it.

``env`` is another: name → value. A runtime sets these variables before it loads the function, for
the function and the processes that it starts, and says in its answer how many, ``X-Fission-Env``.
A runtime that does not say so has not set them, and the specialization has failed.
"""

from typing import ClassVar, Final

from msgspec import field

from fission.api import schema
from fission.contracts import gojson
from fission.meta import objectmeta

PORT: Final = 8888
PORT_NAME: Final = "http-env"
SPECIALIZE_V1: Final = "/specialize"
SPECIALIZE_V2: Final = "/v2/specialize"
CODE_PATH_V1: Final = "/userfunc/user"
BUSY_HEADER: Final = "X-Fission-Busy"
BUSY_STATUS: Final = 503
ENV_HEADER: Final = "X-Fission-Env"
"""In the answer to a load request with variables: how many were set."""
OWN_VARIABLE_PREFIXES: Final = ("LISTEN_",)
OWN_VARIABLES: Final = ("POD_IP", "POD_PORTS", "POD_VOLUME_PATHS", "POD_MEMORY_BYTES")
"""The platform's word to the runtime; whatever else a container has, a function may set anew."""


class FunctionLoadRequest(schema.Model):
    """What a runtime is to load."""

    written: ClassVar[tuple[str, ...]] = (
        "file_path",
        "function_name",
        "url",
        "function_metadata",
        "env_version",
    )

    file_path: str = field(default="", name="filepath")
    function_name: str = ""
    url: str = ""
    function_metadata: objectmeta.ObjectMeta | None = field(default=None, name="FunctionMetadata")
    env_version: int = 0
    state_keyspace: str = ""
    requests_per_pod: int = 0
    """Most requests at once; 0 when the executor leaves it to the runtime."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables of the function, to be set before it is loaded; never to be logged."""


def decode_load(content: bytes) -> FunctionLoadRequest:
    """Body of ``/v2/specialize``."""
    return gojson.decode(content, FunctionLoadRequest)


def encode_load(request: FunctionLoadRequest) -> bytes:
    """Body of ``/v2/specialize``."""
    return gojson.encode(request)


def specialize_path(env_version: int) -> str:
    """Path that makes a runtime of this interface version load code."""
    return SPECIALIZE_V2 if env_version >= 2 else SPECIALIZE_V1
