"""Every derived name and hash in one place. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

POOL_NAME_LIMIT: Final = 37
"""Environment and namespace together; longer ones are cut to half each."""
POOL_PART_LENGTH: Final = 18
MAX_SERVICE_NAME: Final = 63
WORKLOAD_NAME_LIMIT: Final = 35
"""Function and namespace together; longer ones are cut to 17 each."""
WORKLOAD_PART_LENGTH: Final = 17


def pool_name(environment: str, namespace: str, resource_version: str) -> str:
    """The Deployment of a pool; the resourceVersion is the one at which the pool was created."""
    if len(environment) + len(namespace) >= POOL_NAME_LIMIT:
        environment = environment[:POOL_PART_LENGTH]
        namespace = namespace[:POOL_PART_LENGTH]
    return f"poolmgr-{environment}-{namespace}-{resource_version}".lower()


def function_service_name(function: str, uid: str) -> str:
    """The headless Service of a function."""
    suffix = hashlib.sha256(uid.encode()).hexdigest()[:8]
    room = MAX_SERVICE_NAME - len("fn-") - 1 - len(suffix)
    return f"fn-{function[:room].rstrip('-')}-{suffix}"


def content_hash(value: Any) -> str:
    """A short hash of JSON data that fits a label; key order does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def workload_name(executor_type: str, function: str, namespace: str, uid: str) -> str:
    """The Deployment, Service and autoscaler of a function with pods of its own."""
    if len(function) + len(namespace) >= WORKLOAD_NAME_LIMIT:
        function = function[:WORKLOAD_PART_LENGTH]
        namespace = namespace[:WORKLOAD_PART_LENGTH]
    return f"{executor_type}-{function}-{namespace}-{uid[-WORKLOAD_PART_LENGTH:]}".lower()
