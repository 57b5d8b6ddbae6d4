"""What an empty field of a Function stands for: the value that everybody acts on."""

from typing import Final

from fission.api import function_types, labels
from fission.meta import objectmeta

TIMEOUT_SECONDS: Final = 60
IDLE_TIMEOUT_SECONDS: Final = 120
SPECIALIZATION_TIMEOUT_SECONDS: Final = 120
CONCURRENCY: Final = 500
REQUESTS_PER_POD: Final = 1
TARGET_CPU_PERCENT: Final = 80
STREAM_IDLE_TIMEOUT_SECONDS: Final = 60
STATE_MAX_VALUE_BYTES: Final = 256 * 1024
STATE_MAX_KEYS: Final = 10_000
VERSIONS_RETAINED: Final = 10


def executor_type(spec: function_types.FunctionSpec) -> str:
    """Who runs the function; nothing named is poolmgr."""
    return spec.invoke_strategy.execution_strategy.executor_type or function_types.POOLMGR


def timeout_seconds(spec: function_types.FunctionSpec) -> int:
    """How long one request may take in the router."""
    return spec.function_timeout or TIMEOUT_SECONDS


def idle_timeout_seconds(spec: function_types.FunctionSpec) -> int:
    """How long a pod may be idle; an explicit 0 is meant."""
    return IDLE_TIMEOUT_SECONDS if spec.idle_timeout is None else spec.idle_timeout


def specialization_timeout_seconds(spec: function_types.FunctionSpec) -> int:
    """How long making a pod ready may take; never less than the default."""
    given = spec.invoke_strategy.execution_strategy.specialization_timeout
    return max(given, SPECIALIZATION_TIMEOUT_SECONDS)


def concurrency(spec: function_types.FunctionSpec) -> int:
    """Most specialized pods of a poolmgr function."""
    return spec.concurrency or CONCURRENCY


def requests_per_pod(spec: function_types.FunctionSpec) -> int:
    """Most requests that one pod serves at once; one in its life when ``onceOnly``."""
    return 1 if spec.once_only else spec.requests_per_pod or REQUESTS_PER_POD


def stream_idle_timeout_seconds(streaming: function_types.Streaming) -> int:
    """Longest silence on a stream."""
    return streaming.idle_timeout_seconds or STREAM_IDLE_TIMEOUT_SECONDS


def is_strict(metadata: objectmeta.ObjectMeta) -> bool:
    """Whether the router must ask the executor about every request."""
    value = metadata.annotations.get(labels.CONCURRENCY_ENFORCEMENT)
    return value == labels.CONCURRENCY_ENFORCEMENT_STRICT


def follows_package(metadata: objectmeta.ObjectMeta) -> bool:
    """Whether builds of its package point the function at the new one."""
    return metadata.annotations.get(labels.DISABLE_PACKAGE_AUTO_FOLLOW) != "true"
