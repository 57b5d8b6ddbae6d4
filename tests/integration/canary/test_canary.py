"""A canary on the embedded API server: its writes, and a process that is killed at each of them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from fission.api import canaryconfig_types, objects, resources
from fission.base import clock as clocks
from fission.bundle import install
from fission.canary import app, config, counts, plan, reconciler, sources
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import events, informer
from fission.meta import gvk, status
from fission.web import client as web_client
from fission.web import listen
from fission_http import client as http_client
from fission_http import server
from tests.support import apiserver
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="module")

Obj = dict[str, Any]


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A client whose process is killed at its n-th write, before or after it took effect."""

    def __init__(self, client: kube_client.Client) -> None:
        self._client = client
        self.kill_at: int | None = None
        self.is_after = False
        self.written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def patch(self, *args: Any, **kwargs: Any) -> Obj:
        return await self._write(self._client.patch, *args, **kwargs)

    async def replace_status(self, *args: Any, **kwargs: Any) -> Obj:
        return await self._write(self._client.replace_status, *args, **kwargs)

    async def _write(self, write: Any, *args: Any, **kwargs: Any) -> Obj:
        self.written += 1
        if self.written == self.kill_at and not self.is_after:
            raise Killed
        done: Obj = await write(*args, **kwargs)
        if self.written == self.kill_at:
            raise Killed
        return done


@dataclass
class Counter:
    """A source whose router has counted what the test says."""

    calls: int = 0
    errors: int = 0
    problem: str = ""

    async def begin(self, subject: counts.Subject) -> list[canaryconfig_types.RouterCount]:
        if self.problem:
            raise sources.Unavailable(self.problem)
        return [canaryconfig_types.RouterCount("r", "1", self.calls, self.errors)]

    async def end(
        self, subject: counts.Subject, window: canaryconfig_types.CanaryWindow, seconds: float
    ) -> plan.Counted:
        return counts.difference(window.routers, await self.begin(subject), 0.0)


class Clock(clocks.SystemClock):
    ahead = datetime.timedelta()

    def now(self) -> datetime.datetime:
        return super().now() + self.ahead


@dataclass
class World:
    kube: kube_client.Client
    client: Mortal
    counter: Counter = field(default_factory=Counter)
    clock: Clock = field(default_factory=Clock)
    steps: list[int] = field(default_factory=list)

    async def create(self, name: str = "c", trigger: str = "hello", **spec: Any) -> None:
        wire = {
            "trigger": trigger,
            "newfunction": "v2",
            "oldfunction": "v1",
            "weightincrement": 50,
            "duration": "1m",
            "failurethreshold": 10,
            "failureType": "status-code",
        }
        await self.kube.create(resources.CANARYCONFIGS, ours("CanaryConfig", name, wire | spec))

    async def status(self, name: str = "c") -> Obj:
        found = await self.kube.get(resources.CANARYCONFIGS, name, "default")
        return found.get("status") or {}

    async def reason(self, name: str = "c") -> str:
        conditions = (await self.status(name)).get("conditions") or []
        return next((c["reason"] for c in conditions if c["type"] == "Progressing"), "")

    async def weights(self) -> Obj:
        found = await self.kube.get(resources.HTTPTRIGGERS, "hello", "default")
        weights: Obj = found["spec"]["functionref"]["functionweights"]
        return weights

    async def look(self, name: str = "c") -> float | None:
        """One look of a process that knows nothing of the one before; returns its next."""
        known = informer.Informer(
            self.kube,
            resources.CANARYCONFIGS,
            decode=lambda wire: objects.decode(canaryconfig_types.CanaryConfig, wire),
        )
        listed = await self.kube.list(resources.CANARYCONFIGS)
        known._mirror.replace([(known._mirror.keep(one)) for one in listed.items])
        recorder = events.Recorder(self.kube, "canary", clock=self.clock)
        one = reconciler.Reconciler(self.client, known, self.counter, recorder, self.clock)  # type: ignore[arg-type]
        result = await one.reconcile(f"default/{name}")
        await recorder.flush()
        new = (await self.weights())["v2"]
        if not self.steps or self.steps[-1] != new:
            self.steps.append(new)
        return result.requeue_after_seconds if result else None

    async def ends_as(self, state: str) -> None:
        """Wait until a process of its own has brought it there."""

        async def is_there() -> bool:
            return bool((await self.status()).get("status") == state)

        await waits.until_so(is_there, seconds=20.0)

    async def run(self, *, calls: int = 100, errors: int = 0) -> str:
        """Look whenever it asks for it until it has ended; between two looks calls go on."""
        for _ in range(40):
            try:
                seconds = await self.look()
            except Killed:
                seconds = 0.0
            if seconds is None:
                break
            if seconds:
                self.clock.ahead += datetime.timedelta(seconds=seconds)
                self.counter.calls += calls
                self.counter.errors += errors
        return str((await self.status()).get("status"))


def ours(kind: str, name: str, spec: Obj) -> Obj:
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kube() -> AsyncIterator[kube_client.Client]:
    """One cluster with our kinds and two functions."""
    async with apiserver.running() as api, http_client.Client() as http:
        made = kube_client.Client(kube_config.load({"KUBE_API_SOCKET": api.socket}), http=http)
        for crd in install.load_crds():
            await install.apply(made, gvk.CRDS, crd)
        for name in ("v1", "v2"):
            reference = {"packageref": {"namespace": "default", "name": name}}
            spec = {
                "environment": {"namespace": "default", "name": "python"},
                "package": reference,
                "InvokeStrategy": {"StrategyType": "execution"},
            }
            await made.create(resources.FUNCTIONS, ours("Function", name, spec))
        yield made


@contextlib.asynccontextmanager
async def routed(kube: kube_client.Client, new: int = 0) -> AsyncIterator[World]:
    """A route with weights, and no canary yet; both go at the end."""
    weights = {"v2": new, "v1": 100 - new}
    reference = {"type": "function-weights", "name": "", "functionweights": weights}
    trigger = {"relativeurl": "/hello", "methods": ["GET"], "functionref": reference}
    await kube.create(resources.HTTPTRIGGERS, ours("HTTPTrigger", "hello", trigger))
    try:
        yield World(kube, Mortal(kube))
    finally:
        for resource in (resources.CANARYCONFIGS, resources.HTTPTRIGGERS, gvk.EVENTS):
            await kube.delete_collection(resource, "default")


async def test_it_succeeds_and_says_so(kube: kube_client.Client) -> None:
    async with routed(kube) as here:
        await here.create()
        assert await here.run() == "succeeded"
        assert here.steps == [0, 50, 100]
        assert await here.weights() == {"v2": 100, "v1": 0}
        told = await here.status()
        assert not {"window", "move"} & set(told)
        ready = next(one for one in told["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("True", "Succeeded")
        told = (await here.kube.list(gvk.EVENTS, "default")).items
        assert sorted(one["reason"] for one in told) == ["Stepped", "Stepped", "Succeeded"]
        assert any("v2 gets 100 % of the traffic: 0 of 100" in one["message"] for one in told)
        # A change of the spec arms it again, with the trigger as it is.
        await here.kube.patch(
            resources.CANARYCONFIGS, "c", {"spec": {"failurethreshold": 5}}, "default"
        )
        assert await here.run(errors=6) == "failed"
        assert await here.weights() == {"v2": 0, "v1": 100}


@pytest.mark.parametrize("errors", [0, 50])
async def test_killed_at_any_write_it_ends_in_the_same_state(
    kube: kube_client.Client, errors: int
) -> None:
    async with routed(kube) as here:
        expected: tuple[str, list[int], Obj] | None = None
        kill_at: int | None = None
        while True:
            for is_after in (False, True):
                await here.kube.patch(
                    resources.HTTPTRIGGERS,
                    "hello",
                    {"spec": {"functionref": {"functionweights": {"v2": 0, "v1": 100}}}},
                    "default",
                )
                await here.create()
                here.steps.clear()
                here.client.written, here.client.kill_at = 0, kill_at
                here.client.is_after = is_after
                found = (await here.run(errors=errors), list(here.steps), await here.weights())
                await here.kube.delete(resources.CANARYCONFIGS, "c", "default")
                expected = expected or found
                assert found == expected, f"killed at write {kill_at}, after: {is_after}"
            kill_at = (kill_at or 0) + 1
            if kill_at > here.client.written:
                break
        assert expected[0] == ("failed" if errors else "succeeded")
        assert kill_at > 6


async def test_two_processes_at_once_take_each_step_once(kube: kube_client.Client) -> None:
    async with routed(kube) as here:
        await here.create()
        for _ in range(40):
            found = await asyncio.gather(here.look(), here.look(), return_exceptions=True)
            assert all(one is None or isinstance(one, float | status.Conflict) for one in found), (
                found
            )
            if (await here.status()).get("status") == "succeeded":
                break
            here.clock.ahead += datetime.timedelta(seconds=30)
            here.counter.calls += 100
        assert here.steps == [0, 50, 100]
        assert await here.weights() == {"v2": 100, "v1": 0}


async def test_a_person_who_moves_traffic_stops_it(kube: kube_client.Client) -> None:
    async with routed(kube, new=20) as here:
        await here.create()
        await here.look()
        await here.kube.patch(
            resources.HTTPTRIGGERS,
            "hello",
            {"spec": {"functionref": {"functionweights": {"v2": 5, "v1": 95}}}},
            "default",
        )
        assert await here.run() == "aborted"
        assert await here.weights() == {"v2": 5, "v1": 95}
        assert await here.reason() == "TriggerChanged"


async def test_what_it_waits_for_is_told(kube: kube_client.Client) -> None:
    async with routed(kube, new=20) as here:
        await here.create("later", trigger="nowhere")
        await here.look("later")
        assert await here.reason("later") == "TriggerNotFound"
        await here.create("absent", newfunction="v3")
        await here.look("absent")
        assert await here.reason("absent") == "TriggerNotWeighted"
        await here.kube.delete(resources.CANARYCONFIGS, "absent", "default")

        here.counter.problem = "no router is ready"
        await here.create()
        await here.look()
        assert await here.reason() == "MetricsUnavailable"
        here.counter.problem = ""
        await here.create("second")
        await here.look("second")
        assert await here.reason("second") == "TriggerTaken"

        await here.run(calls=0)
        assert await here.reason() == "NoTraffic"
        assert await here.weights() == {"v2": 20, "v1": 80}
        here.steps.clear()
        assert await here.run() == "succeeded"
        assert here.steps == [20, 70, 100]


async def test_a_process_reads_the_routers_pages(kube: kube_client.Client) -> None:
    """The real thing but for the routers, with an interval of a second."""
    page = {"calls": 0, "errors": 0}

    async def answer(request: server.Request) -> server.Response:
        labels = (
            'function_namespace="default",function_name="v2",function_version="",'
            'path="/hello",method="GET",code="500"'
        )
        text = (
            "process_start_time_seconds 1.0\n"
            f"fission_function_calls_total{{{labels}}} {page['calls']}\n"
            f"fission_function_errors_total{{{labels}}} {page['errors']}\n"
        )
        page["calls"] += 10
        page["errors"] += 3 if (await here.weights())["v2"] > 50 else 0
        return server.Response(200, body=text.encode())

    async with routed(kube) as here, http_client.Client() as http:
        routers = listen.bind("127.0.0.1", 0)
        serving = await server.serve(answer, [routers])
        await here.kube.create(gvk.NAMESPACES, {"metadata": {"name": "fission"}})
        await here.kube.create(gvk.ENDPOINTSLICES, a_slice(routers.getsockname()[1]))
        deps = app.Deps(here.kube, web_client.HttpClient(http=http), clocks.SystemClock(), "one")
        built = app.make(config.Config(tenancy_mode="cluster", leader_election=True), deps)
        running = asyncio.ensure_future(built.run([listen.bind("127.0.0.1", 0)]))
        try:
            await waits.until(lambda: built.is_ready, seconds=10.0)
            await here.create(duration="1s")
            await here.ends_as("failed")
            assert await here.weights() == {"v2": 0, "v1": 100}
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await serving.close(0.1)


def a_slice(port: int) -> Obj:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "router-1",
            "namespace": "fission",
            "labels": {"kubernetes.io/service-name": "router-internal"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "http-internal", "port": port, "protocol": "TCP"}],
    }
