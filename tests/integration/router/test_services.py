"""Functions with a Service in front: newdeploy and container, and changes of executor type."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from fission.router import config
from fission_http import server as servers
from tests.support import routing, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAME = ("newdeploy-hello.default", 80)
TRIGGER = routing.a_trigger("t", relativeurl="/hello", methods=["GET", "POST"])


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello")


@contextlib.asynccontextmanager
async def some_pods(count: int, handler: routing.Handler = hello) -> AsyncIterator[list[Any]]:
    """Pods with addresses of their own and one port, as behind a Service."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pods = [await routing.Pod(handler).start(f"127.0.0.{n + 2}", port) for n in range(count)]
    try:
        yield pods
    finally:
        for pod in pods:
            await pod.stop()


def a_function(executor_type: str = "newdeploy", **more: Any) -> dict[str, Any]:
    return routing.a_function(executor_type=executor_type, **more)


def slice_of(pods: list[Any], executor_type: str = "newdeploy") -> dict[str, Any]:
    wire = routing.a_slice(executor_type, [pod.address for pod in pods])
    tags = wire["metadata"]["labels"]
    del tags["fission.io/function-generation"]
    tags |= {"executorType": executor_type, "kubernetes.io/service-name": NAME[0].split(".")[0]}
    return wire


@pytest.mark.parametrize("shown_first", [True, False])
async def test_requests_wait_for_the_first_pod_with_one_call(shown_first: bool):
    async with some_pods(2) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER)
        routed.executor.addresses = [NAME]
        routed.executor.hold = asyncio.Event()
        calls = [asyncio.create_task(routed.call("GET", "/hello")) for _ in range(10)]
        (function,) = routed.core.catalog.functions()
        await waiting.until(lambda: len(function.slots.waiting) == 10)
        if shown_first:
            routed.add(slice_of(pods))
            routed.executor.hold.set()
        else:
            routed.executor.hold.set()
            await waiting.until(lambda: not function.slots.asking)
            assert len(function.slots.waiting) == 10
            routed.add(slice_of(pods))
        assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
        assert [len(pod.requests) for pod in pods] == [5, 5]
        assert routed.executor.calls == {"getServiceForFunction": 1}
        assert not routed.executor.untaps


async def test_requests_spread_over_the_ready_pods():
    go = asyncio.Event()
    running = 0

    async def count(request: servers.Request) -> servers.Response:
        nonlocal running
        running += 1
        await go.wait()
        return servers.Response(200)

    async with some_pods(3, count) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        calls = [asyncio.create_task(routed.call("GET", "/hello")) for _ in range(12)]
        await waiting.until(lambda: running == 12)
        assert [len(pod.requests) for pod in pods] == [4, 4, 4]
        go.set()
        await asyncio.gather(*calls)
        for _ in range(6):
            await routed.call("GET", "/hello")
        assert [len(pod.requests) for pod in pods] == [6, 6, 6]
        assert not routed.executor.calls
        await routed.core.tapper.flush(asyncio.get_running_loop().time())
        assert {tap["FnExecutorType"] for tap in routed.executor.taps} == {"newdeploy"}
        urls = {tap["ServiceURL"] for tap in routed.executor.taps}
        assert urls == {"http://{}:{}".format(*pod.address) for pod in pods}


async def test_pods_that_end_get_no_new_requests_through_a_rollout():
    async with some_pods(4) as pods, routing.a_router() as routed:
        old, new = pods[:2], pods[2:]
        routed.add(a_function(), TRIGGER, slice_of(old))
        await routed.call("POST", "/hello")
        routed.add(a_function(generation=2), slice_of(pods))
        for _ in range(4):
            assert (await routed.call("POST", "/hello")).status == 200
        assert [len(pod.requests) for pod in new] == [1, 1]
        wire = slice_of(pods)
        for endpoint in wire["endpoints"][:2]:
            endpoint["conditions"] = {"ready": True, "terminating": True}
        routed.add(wire)
        seen = [len(pod.requests) for pod in old]
        for _ in range(4):
            assert (await routed.call("POST", "/hello")).status == 200
        assert [len(pod.requests) for pod in old] == seen
        assert not routed.executor.calls


async def test_a_pod_that_refuses_is_left_at_once():
    async with some_pods(2) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        await pods[0].stop()
        for _ in range(4):
            assert (await routed.call("POST", "/hello", body=b"x")).status == 200
        assert len(pods[1].requests) == 4


async def test_from_zero_again_after_the_pods_are_gone():
    async with some_pods(1) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        assert (await routed.call("GET", "/hello")).status == 200
        routed.add(slice_of([]))
        routed.executor.addresses = [NAME]
        call = asyncio.create_task(routed.call("GET", "/hello"))
        await waiting.until(lambda: routed.executor.calls.total() == 1)
        routed.add(slice_of(pods))
        assert (await call).status == 200


async def test_a_pod_that_refused_is_tried_again_when_the_executor_says_ready():
    async with some_pods(1) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        (function,) = routed.core.catalog.functions()
        (endpoint,) = function.slots.ready
        function.slots.refused(endpoint, asyncio.get_running_loop().time())
        routed.executor.addresses = [NAME]
        assert (await routed.call("GET", "/hello")).status == 200
        assert routed.executor.calls == {"getServiceForFunction": 1}


@pytest.mark.parametrize(
    ("old", "new"), [("poolmgr", "newdeploy"), ("newdeploy", "poolmgr"), ("newdeploy", "container")]
)
async def test_the_executor_type_changes_without_a_failed_request(old: str, new: str):
    async with some_pods(2) as pods, routing.a_router() as routed:
        before, after = pods
        shown = {
            "poolmgr": lambda pod, generation: routing.a_slice(
                "poolmgr", [pod.address], generation=generation
            ),
            "newdeploy": lambda pod, generation: slice_of([pod]),
            "container": lambda pod, generation: slice_of([pod], "container"),
        }
        routed.add(a_function(old), TRIGGER, shown[old](before, 1))
        assert (await routed.call("GET", "/hello")).status == 200
        routed.executor.addresses = [after.address if new == "poolmgr" else NAME]
        routed.executor.hold = asyncio.Event()
        routed.add(a_function(new, generation=2))
        answers = await asyncio.gather(*(routed.call("POST", "/hello") for _ in range(5)))
        assert {answer.status for answer in answers} == {200}
        assert len(before.requests) == 6
        # meanwhile a pod of the new type is made, by one call
        await waiting.until(lambda: routed.executor.calls.total() == 1)
        await routed.core.tapper.flush(asyncio.get_running_loop().time())
        assert {tap["FnExecutorType"] for tap in routed.executor.taps} == {old}
        (function,) = routed.core.catalog.functions()
        routed.executor.hold.set()
        await waiting.until(lambda: not function.slots.asking)
        routed.add(shown[new](after, 2))
        await waiting.until(lambda: function.slots.previous is None)
        for _ in range(3):
            assert (await routed.call("POST", "/hello")).status == 200
        assert (len(before.requests), len(after.requests)) == (6, 3)
        assert routed.executor.calls.total() == 1


async def test_a_service_without_a_slice_is_named_and_not_looked_up_elsewhere():
    settings = config.Config(max_retries=1)
    async with routing.a_router(settings) as routed:
        with pytest.raises(OSError, match="no EndpointSlice shows a ready pod of Service"):
            await routed.core.pool.connect(NAME, 1.0)
        with pytest.raises(OSError, match="localhost"):
            await routed.core.pool.connect(("localhost", 80), 1.0)


async def test_a_crashed_pod_is_out_before_the_next_request():
    async with some_pods(2) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        for _ in range(2):
            await routed.call("GET", "/hello")
        (function,) = routed.core.catalog.functions()
        await pods[0].stop()
        await waiting.until(lambda: function.slots.ready_count == 1)
        for _ in range(3):
            assert (await routed.call("POST", "/hello")).status == 200
        assert len(pods[1].requests) == 4


async def test_a_pod_that_only_closes_idle_connections_stays():
    async with some_pods(1) as pods, routing.a_router() as routed:
        routed.add(a_function(), TRIGGER, slice_of(pods))
        await routed.call("GET", "/hello")
        (function,) = routed.core.catalog.functions()
        (held,) = pods[0]._server._shared.connections
        held.abort()
        await waiting.until(
            lambda: pods[0]._server.connections and held not in pods[0]._server._shared.connections
        )
        assert function.slots.ready_count == 1
        assert (await routed.call("POST", "/hello")).status == 200
        await waiting.until(lambda: routed.core.pool.idle_connections == 1)
