import pytest_asyncio

from fission.api import resources
from fission.controller import config, logdatabases
from tests.support import controllers, kinds

__all__ = ["kinds", "resources"]

SPECS = {
    "Package": {
        "environment": {"name": "python", "namespace": "default"},
        "deployment": {"type": "literal", "literal": "aGVsbG8="},
    },
    "Environment": {"version": 3, "poolsize": 1, "runtime": {"image": "i"}},
    "HTTPTrigger": {
        "relativeurl": "/x",
        "methods": ["GET"],
        "functionref": {"type": "name", "name": "x"},
    },
    "KubernetesWatchTrigger": {
        "namespace": "default",
        "type": "pod",
        "functionref": {"type": "name", "name": "x"},
    },
    "TimeTrigger": {"cron": "@daily", "functionref": {"type": "name", "name": "x"}},
    "MessageQueueTrigger": {
        "functionref": {"type": "name", "name": "x"},
        "messageQueueType": "statestore",
        "mqtkind": "fission",
        "topic": "in",
        "maxRetries": 0,
        "contentType": "application/json",
    },
    "CanaryConfig": {
        "trigger": "x",
        "newfunction": "x",
        "oldfunction": "y",
        "weightincrement": 20,
        "duration": "2m",
        "failurethreshold": 10,
    },
}


def sample(kind, name="x", namespace="default"):
    """An object of a kind, as small as it may be."""
    if kind == "Function":
        return kinds.function(name, namespace)
    return kinds.obj(kind, name, SPECS[kind], namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world():
    """An API server with our kinds, a client of it, and a controller that asks for tokens."""
    async with kinds.cluster() as (api, kube):
        databases = {"influxdb": logdatabases.Database(api.url, "ada", "pw")}
        settings = config.Config(review_ttl_seconds=0.0)
        async with controllers.running(api, settings, databases) as controller:
            yield api, kube, controller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def controller(world):
    return world[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kube(world):
    return world[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(kube):
    """The token of somebody who may do everything."""
    made = await controllers.token(kube, "admin")
    await controllers.bind(
        kube, "admin", {"kind": "ClusterRole", "metadata": {"name": "cluster-admin"}}
    )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nobody(kube):
    """The token of an account without any right."""
    return await controllers.token(kube, "nobody")
