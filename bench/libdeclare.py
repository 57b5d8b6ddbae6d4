"""Environment, package and functions written straight to the platform's API, many at once.

Not a scenario: the command line starts a process per object, which would take longer than what is
measured. The objects are those that `fission env create`, `pkg create` and `fn create` write.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import pathlib
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "src"))

from fission.api import resources
from fission.kube import client as kube_client
from fission.kube import config as kube_config

NAMESPACE = "default"
WRITERS = 16
"""Objects on their way to the API server at once."""

Obj = dict[str, Any]


@contextlib.asynccontextmanager
async def connected(home: pathlib.Path) -> AsyncIterator[kube_client.Client]:
    """A client of the platform in that home."""
    socket = home / "run" / "apiserver.sock"
    credentials = (
        kube_config.from_unix_socket(str(socket))
        if socket.exists()
        else kube_config.load({"KUBECONFIG": str(home / "kubeconfig")})
    )
    async with kube_client.Client(credentials, user_agent="bench") as client:
        yield client


def package(name: str, source: bytes, environment: str = "python") -> Obj:
    """A package of one file."""
    return {
        "apiVersion": "fission.io/v1",
        "kind": "Package",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "environment": {"name": environment, "namespace": NAMESPACE},
            "deployment": {
                "type": "literal",
                "literal": base64.b64encode(source).decode(),
                "checksum": {"type": "sha256", "sum": hashlib.sha256(source).hexdigest()},
            },
        },
        "status": {"buildstatus": "none"},
    }


def function(
    name: str, package_name: str, environment: str = "python", entry: str = "main", **spec: Any
) -> Obj:
    """A function of a package."""
    return {
        "apiVersion": "fission.io/v1",
        "kind": "Function",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "environment": {"name": environment, "namespace": NAMESPACE},
            "package": {
                "packageref": {"name": package_name, "namespace": NAMESPACE},
                "functionName": entry,
            },
            "InvokeStrategy": {
                "ExecutionStrategy": {"ExecutorType": "poolmgr", "SpecializationTimeout": 120},
                "StrategyType": "execution",
            },
            "functionTimeout": 60,
            "idletimeout": 120,
            "concurrency": 500,
            "requestsPerPod": 1,
            **spec,
        },
    }


def route(function_name: str) -> Obj:
    """A route `/<name>` to a function."""
    return {
        "apiVersion": "fission.io/v1",
        "kind": "HTTPTrigger",
        "metadata": {"name": function_name, "namespace": NAMESPACE},
        "spec": {
            "relativeurl": f"/{function_name}",
            "methods": ["GET"],
            "functionref": {"type": "name", "name": function_name},
        },
    }


async def create_all(client: kube_client.Client, objects: Iterable[Obj]) -> None:
    """Create objects of our kinds, several at a time, in no particular order."""
    left: Iterator[Obj] = iter(objects)

    async def write() -> None:
        for each in left:
            await client.create(resources.BY_KIND[each["kind"]], each)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write())
