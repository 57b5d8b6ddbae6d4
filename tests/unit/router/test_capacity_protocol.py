"""The capacity protocol under random interleavings: several routers, the executor, exact pods.

Real: each router's index of slices, slots and `Capacity`; the executor's function service cache.
Made here: pods, which refuse above their limit as our runtimes do, and a network on which calls,
reports and slices arrive late, in any order, or are lost. Time is virtual. The protocol itself is
written down in docs/explanation/capacity.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import stateful as hs
from hypothesis import strategies as st

from fission.api import function_types, objects
from fission.base import tasks
from fission.executor import fscache
from fission.router import capacity, endpoints, failures, slots, targets
from tests.support import routing, virtualtime

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTERS = 3
TIMEOUT_SECONDS = 60.0
UID = "uid-hello"


@dataclasses.dataclass(eq=False)
class Pod:
    """Exact: it never runs more than its limit."""

    address: slots.Address
    generation: int
    limit: int
    alive: bool = True
    active: int = 0

    @property
    def text(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"


@dataclasses.dataclass(eq=False)
class Ask:
    """A router's call to the executor."""

    generation: int
    busy: int
    answer: asyncio.Future[slots.Address]


class Executor:
    """The real cache; pods come when the test says so."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.cache = fscache.FunctionServiceCache()
        self.calls: list[Ask] = []
        """Not yet arrived."""
        self.pending: list[tuple[int, Ask | None]] = []
        """Specializations under way: generation, and who asked."""
        self.tickets: dict[int, Ask] = {}
        self.untaps: list[str] = []
        """Not yet arrived."""

    def limits(self) -> fscache.Limits:
        world = self._world
        return fscache.Limits(world.limit, world.concurrency, max_pending=2, max_waiting=8)

    async def get_service(self, target: targets.Target, deadline: float) -> slots.Address:
        return await self.ensure_capacity(target, 0, 0, deadline)

    async def ensure_capacity(
        self, target: targets.Target, ready: int, busy: int, deadline: float
    ) -> slots.Address:
        ask = Ask(target.generation, busy, asyncio.get_running_loop().create_future())
        self.calls.append(ask)
        return await ask.answer

    async def untap(self, target: targets.Target, address: slots.Address) -> None:
        self.untaps.append(f"{address[0]}:{address[1]}")

    def arrives(self, ask: Ask) -> None:
        if ask.generation != self._world.generation:
            ask.answer.set_exception(failures.specialization_failed("changed"))
            return
        key = fscache.FunctionKey(UID, ask.generation)
        decision = self.cache.acquire(
            key, self.limits(), self._world.loop.now, busy_endpoints=ask.busy
        )
        if isinstance(decision, fscache.Wait):
            self.tickets[decision.ticket] = ask
        elif isinstance(decision, fscache.Refuse):
            ask.answer.set_exception(failures.capacity_exceeded(decision.message))
        else:
            self._decided(ask, decision)

    def _decided(self, ask: Ask, decision: fscache.Serve | fscache.Specialize | None) -> None:
        if decision is None:
            ask.answer.set_exception(failures.specialization_failed("broken"))
        elif isinstance(decision, fscache.Serve):
            host, _, port = decision.service.address.partition(":")
            ask.answer.set_result((host, int(port)))
        else:
            self.pending.append((ask.generation, ask))

    def granted(self, grants: list[fscache.Grant]) -> None:
        for grant in grants:
            self._decided(self.tickets.pop(grant.ticket), grant.decision)

    def specialized(self, at: int) -> None:
        generation, ask = self.pending.pop(at)
        pod = self._world.new_pod(generation)
        key = fscache.FunctionKey(UID, generation)
        now = self._world.loop.now
        service = fscache.FunctionService(
            key, pod.text, "default", pod.text, pod.text, now, now, lease_seconds=120.0
        )
        self.granted(self.cache.specialized(service, now))
        if ask is not None:
            ask.answer.set_result(pod.address)

    def failed(self, at: int) -> None:
        generation, ask = self.pending.pop(at)
        key = fscache.FunctionKey(UID, generation)
        self.granted(self.cache.failed(key, self._world.loop.now))
        if ask is not None:
            ask.answer.set_exception(failures.specialization_failed("no luck"))

    def untapped(self, at: int) -> None:
        address = self.untaps.pop(at)
        self.granted(self.cache.release(UID, address, self._world.loop.now) or [])

    def removed(self, service: fscache.FunctionService) -> None:
        self.granted(self.cache.remove(service, self._world.loop.now))


@dataclasses.dataclass(eq=False)
class Request:
    """A request at a router."""

    number: int
    router: Router
    target: targets.Target
    since: float
    task: asyncio.Task[slots.Endpoint] | None = None
    endpoint: slots.Endpoint | None = None
    pod: Pod | None = None
    bounced: bool = False


class Router:
    """A real index, real slots, a real `Capacity`; the exchange with pods is the test's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.index = endpoints.EndpointIndex(slots.Bounds(30.0, 5.0, 3), world.loop.time)
        self.capacity = capacity.Capacity(
            world.executor,
            world.work,
            max_queued_per_function=6,
            max_starting_per_function=2,
            max_starting=3,
        )
        self.seen: dict[str, Any] | None = None
        self.learn_function()

    def learn_function(self) -> None:
        wire = routing.a_function(
            generation=self.world.generation,
            requestsPerPod=self.world.limit,
            concurrency=self.world.concurrency,
        )
        function = objects.decode(function_types.Function, wire)
        self.target = targets.make_target(wire, function, self.index.slots_of, 60.0)
        self.index.keep_only([self.target.slots], {UID})

    def learn_slices(self) -> None:
        """What the slice says right now."""
        shown = self.world.slice()
        self.index.changed(self.seen, shown)
        self.seen = shown


class World(hs.RuleBasedStateMachine):
    """Whatever happens in whatever order, the promises hold."""

    @hs.initialize(limit=st.integers(1, 3), concurrency=st.integers(1, 4))
    def begin(self, limit: int, concurrency: int) -> None:
        self.loop = virtualtime.VirtualLoop()
        asyncio.set_event_loop(None)
        self.limit, self.concurrency, self.generation = limit, concurrency, 1
        self.work = tasks.Tasks()
        self.pods: dict[slots.Address, Pod] = {}
        self.made = 0
        self.executor = Executor(self)
        self.routers = [Router(self) for _ in range(ROUTERS)]
        self.requests: list[Request] = []
        self.numbers = 0
        self.loop.settle()

    def do(self, action: Callable[[], object]) -> None:
        """Act within the loop, then let everything that follows happen."""

        async def act() -> None:
            action()

        self.loop.run_until_complete(act())
        self.loop.settle()
        self._proceed()

    # What the world is like

    def new_pod(self, generation: int) -> Pod:
        self.made += 1
        address = (f"127.1.0.{self.made}", 8888)
        pod = self.pods[address] = Pod(address, generation, self.limit)
        return pod

    def slice(self) -> dict[str, Any]:
        services = self.executor.cache.services(fscache.FunctionKey(UID, self.generation))
        shown = []
        for service in services:
            host, _, port = service.address.partition(":")
            if self.pods[host, int(port)].alive:
                shown.append((host, int(port)))
        return routing.a_slice("s", shown, generation=self.generation)

    def _proceed(self) -> None:
        """Requests that got a slot go to their pod, which may refuse; repeat until all is quiet."""
        while True:
            moved = False
            for request in list(self.requests):
                task = request.task
                if task is None or not task.done():
                    continue
                moved = True
                request.task = None
                if task.cancelled():
                    self.requests.remove(request)
                elif (error := task.exception()) is not None:
                    assert isinstance(error, failures.Failure), error
                    assert error.status in (429, 500, 504)
                    self.requests.remove(request)
                else:
                    self._reach(request, task.result())
            if not moved:
                return
            self.loop.settle()

    def _reach(self, request: Request, endpoint: slots.Endpoint) -> None:
        router = request.router
        pod = self.pods[endpoint.address]
        now = self.loop.now
        assert pod.generation == request.target.generation
        assert endpoint.in_flight <= endpoint.owner.limit
        if pod.alive and pod.active < pod.limit:
            pod.active += 1
            request.endpoint, request.pod = endpoint, pod
            return

        def elsewhere() -> None:
            if pod.alive:
                router.capacity.busy(request.target, endpoint, now)
            else:
                router.capacity.refused(endpoint, now)
            router.capacity.release(request.target, endpoint, None, now)
            request.bounced = True
            self._acquire(request)

        async def act() -> None:
            elsewhere()

        self.loop.run_until_complete(act())
        self.loop.settle()

    def _acquire(self, request: Request) -> None:
        work = request.router.capacity.acquire(request.target, request.since, again=request.bounced)
        request.task = asyncio.get_running_loop().create_task(work)

    # What happens

    @hs.rule(router=st.integers(0, ROUTERS - 1), count=st.integers(1, 6))
    def requests_come(self, router: int, count: int) -> None:
        for _ in range(count):
            self.numbers += 1
            chosen = self.routers[router]
            request = Request(self.numbers, chosen, chosen.target, self.loop.now)
            self.requests.append(request)
            self.do(lambda request=request: self._acquire(request))

    @hs.precondition(lambda self: any(r.pod for r in self.requests))
    @hs.rule(pick=st.integers(0, 1000), count=st.integers(1, 3))
    def requests_end(self, pick: int, count: int) -> None:
        for _ in range(count):
            running = [request for request in self.requests if request.pod is not None]
            if running:
                request = running[pick % len(running)]
                self.requests.remove(request)
                self._leaves_pod(request)

    def _leaves_pod(self, request: Request, meanwhile: Callable[[], object] = lambda: None) -> None:
        endpoint = request.endpoint
        assert request.pod is not None
        assert endpoint is not None
        request.pod.active -= 1

        def leave() -> None:
            request.router.capacity.release(request.target, endpoint, 0.05, self.loop.now)
            meanwhile()

        self.do(leave)

    @hs.precondition(lambda self: any(r.task for r in self.requests))
    @hs.rule(pick=st.integers(0, 1000))
    def a_client_leaves(self, pick: int) -> None:
        waiting = [request for request in self.requests if request.task is not None]
        task = waiting[pick % len(waiting)].task
        assert task is not None
        self.do(task.cancel)

    @hs.precondition(lambda self: any(r.task for r in self.requests))
    @hs.rule(pick=st.integers(0, 1000))
    def a_client_leaves_as_its_slot_comes(self, pick: int) -> None:
        waiting = [request for request in self.requests if request.task is not None]
        first = waiting[pick % len(waiting)]
        for ended in [each for each in self.requests if each.pod is not None]:
            if ended.router is first.router and ended.pod is not None and first.task is not None:
                self.requests.remove(ended)
                self._leaves_pod(ended, first.task.cancel)
                return

    @hs.precondition(lambda self: self.executor.calls)
    @hs.rule(pick=st.integers(0, 1000))
    def a_call_arrives(self, pick: int) -> None:
        ask = self.executor.calls.pop(pick % len(self.executor.calls))
        if not ask.answer.done():
            self.do(lambda: self.executor.arrives(ask))

    @hs.precondition(lambda self: self.executor.calls)
    @hs.rule(pick=st.integers(0, 1000))
    def an_answer_is_lost_and_the_call_repeated(self, pick: int) -> None:
        """The executor counted the first one and nobody will tell it otherwise."""
        ask = self.executor.calls[pick % len(self.executor.calls)]
        copy = Ask(ask.generation, ask.busy, self.loop.create_future())
        copy.answer.add_done_callback(lambda answer: answer.exception())
        self.do(lambda: self.executor.arrives(copy))

    @hs.precondition(lambda self: self.executor.pending)
    @hs.rule(pick=st.integers(0, 1000), well=st.sampled_from([True, True, False]))
    def a_specialization_ends(self, pick: int, well: bool) -> None:
        at = pick % len(self.executor.pending)
        self.do(lambda: self.executor.specialized(at) if well else self.executor.failed(at))

    @hs.precondition(lambda self: self.executor.calls or self.executor.pending)
    @hs.rule()
    def the_executor_catches_up(self) -> None:
        while self.executor.calls:
            self.a_call_arrives(0)
        while self.executor.pending:
            self.do(lambda: self.executor.specialized(0))

    @hs.precondition(lambda self: self.executor.untaps)
    @hs.rule(pick=st.integers(0, 1000), lost=st.booleans())
    def an_untap_arrives_or_not(self, pick: int, lost: bool) -> None:
        at = pick % len(self.executor.untaps)
        if lost:
            del self.executor.untaps[at]
        else:
            self.do(lambda: self.executor.untapped(at))

    @hs.rule(router=st.integers(0, ROUTERS - 1))
    def a_router_sees_slices(self, router: int) -> None:
        self.do(self.routers[router].learn_slices)

    @hs.precondition(lambda self: any(pod.alive for pod in self.pods.values()))
    @hs.rule(pick=st.integers(0, 1000))
    def a_pod_dies(self, pick: int) -> None:
        alive = [pod for pod in self.pods.values() if pod.alive]
        pod = alive[pick % len(alive)]
        pod.alive = False
        for request in [each for each in self.requests if each.pod is pod]:
            self.requests.remove(request)
            self._leaves_pod(request)

    @hs.precondition(lambda self: any(self._gone()))
    @hs.rule(pick=st.integers(0, 1000))
    def the_executor_sees_a_death(self, pick: int) -> None:
        gone = self._gone()
        self.do(lambda: self.executor.removed(gone[pick % len(gone)]))

    def _gone(self) -> list[fscache.FunctionService]:
        alive = {pod.text for pod in self.pods.values() if pod.alive}
        return [each for each in self.executor.cache.services() if each.address not in alive]

    @hs.precondition(lambda self: self.generation < 3 and self.made > 2)
    @hs.rule()
    def the_function_changes(self) -> None:
        """Old pods finish what they run; everybody learns of it at once or later."""
        self.generation = min(self.generation + 1, 4)
        for service in self.executor.cache.services():
            self.do(lambda service=service: self.executor.removed(service))

    @hs.precondition(lambda self: self.generation > 1)
    @hs.rule(router=st.integers(0, ROUTERS - 1))
    def a_router_sees_the_function(self, router: int) -> None:
        self.do(self.routers[router].learn_function)

    @hs.rule(seconds=st.sampled_from([0.01, 0.06, 0.2, 1.5, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.now += seconds
        self.do(lambda: None)

    # What holds

    @hs.invariant()
    def limits_hold(self) -> None:
        if not hasattr(self, "pods"):
            return
        for pod in self.pods.values():
            assert pod.active == sum(request.pod is pod for request in self.requests)
            assert pod.active <= pod.limit
        for generation in range(1, self.generation + 1):
            key = fscache.FunctionKey(UID, generation)
            under_way = sum(1 for one, _ in self.executor.pending if one == generation)
            assert len(self.executor.cache.services(key)) + under_way <= self.concurrency

    @hs.invariant()
    def routers_count_right(self) -> None:
        for router in getattr(self, "routers", ()):
            for own in router.index.of_function(UID):
                for endpoint in {*own.known, *own.in_use}:
                    running = sum(request.endpoint is endpoint for request in self.requests)
                    assert endpoint.in_flight == running
                    assert endpoint.in_flight <= own.limit

    @hs.invariant()
    def nobody_waits_beside_a_free_slot_or_for_nothing(self) -> None:
        for router in getattr(self, "routers", ()):
            for own in router.index.of_function(UID):
                if own.waiting:
                    assert not any(each.in_flight < own.limit for each in own.ready)
                    assert own in router.capacity._rechecks

    @hs.invariant()
    def served_in_order(self) -> None:
        """Who waits came after everybody with a slot, but for those whose slot was none."""
        for router in getattr(self, "routers", ()):
            mine = [r for r in self.requests if r.router is router]
            waiting = [r.number for r in mine if r.task is not None and not r.bounced]
            for request in mine:
                if request.pod is not None and not request.bounced and waiting:
                    same = [
                        number
                        for number in waiting
                        if self._request(number).target.slots is request.target.slots
                    ]
                    assert not same or request.number < min(same)

    def _request(self, number: int) -> Request:
        return next(request for request in self.requests if request.number == number)

    def teardown(self) -> None:
        """Left alone, everybody is answered and every count returns to zero."""
        if not hasattr(self, "loop"):
            return
        try:
            self._calm_down()
        finally:
            self.loop.run_until_complete(self.work.cancel())
            for request in self.requests:
                if request.task is not None:
                    request.task.cancel()
            self.loop.settle()
            self.loop.close()

    def _calm_down(self) -> None:
        for router in self.routers:
            self.do(router.learn_function)
        for _ in range(400):
            self._a_quiet_moment()
            if not self.requests and not self.executor.calls and not self.executor.pending:
                break
        assert not self.requests
        for router in self.routers:
            for own in router.index.of_function(UID):
                assert not own.waiting
                assert not own.asking
                assert not any(endpoint.in_flight for endpoint in own.known)
            assert router.capacity._starting == 0
        self.loop.now += 130.0
        for service in self.executor.cache.services():
            assert service.active_requests(self.loop.now) == 0
        assert not self.executor.tickets

    def _a_quiet_moment(self) -> None:
        for service in self._gone():
            self.do(lambda service=service: self.executor.removed(service))
        for router in self.routers:
            self.do(router.learn_slices)
        while self.executor.calls:
            self.a_call_arrives(0)
        while self.executor.pending:
            self.do(lambda: self.executor.specialized(0))
        while self.executor.untaps:
            self.do(lambda: self.executor.untapped(0))
        for request in [each for each in self.requests if each.pod is not None]:
            self.requests.remove(request)
            self._leaves_pod(request)
        self.time_passes(0.06)


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("seed", range(12))
def test_long_walks(seed: int) -> None:
    """Many steps under load: short examples, which shrink well, seldom fill several pods."""
    dice = random.Random(seed)
    world = World()
    world.begin(limit=dice.randint(1, 3), concurrency=dice.randint(1, 4))
    steps: list[tuple[float, Callable[[], object]]] = [
        (8, lambda: world.requests_come(dice.randrange(ROUTERS), dice.randint(1, 3))),
        (12, lambda: world.requests_end(dice.randrange(1000), dice.randint(1, 3))),
        (1, lambda: world.a_client_leaves_as_its_slot_comes(dice.randrange(1000))),
        (1, lambda: world.a_client_leaves(dice.randrange(1000))),
        (6, lambda: world.a_call_arrives(dice.randrange(1000))),
        (1, lambda: world.an_answer_is_lost_and_the_call_repeated(dice.randrange(1000))),
        (5, lambda: world.a_specialization_ends(dice.randrange(1000), dice.random() < 0.8)),
        (3, lambda: world.an_untap_arrives_or_not(dice.randrange(1000), dice.random() < 0.2)),
        (3, lambda: world.a_router_sees_slices(dice.randrange(ROUTERS))),
        (0.5, lambda: world.a_pod_dies(dice.randrange(1000))),
        (1, lambda: world.the_executor_sees_a_death(dice.randrange(1000))),
        (0.2, world.the_function_changes),
        (1, lambda: world.a_router_sees_the_function(dice.randrange(ROUTERS))),
        (4, lambda: world.time_passes(dice.choice([0.01, 0.06, 0.2, 1.5]))),
    ]
    try:
        for _ in range(200):
            (step,) = dice.choices([each for _, each in steps], [weight for weight, _ in steps])
            # a step whose time has not come finds nothing to do
            with contextlib.suppress(ZeroDivisionError):
                step()
            world.limits_hold()
            world.routers_count_right()
            world.nobody_waits_beside_a_free_slot_or_for_nothing()
            world.served_in_order()
        assert world.made > 0
    finally:
        world.teardown()
