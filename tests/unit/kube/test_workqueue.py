import asyncio

from hypothesis import given
from hypothesis import strategies as st

from fission.kube import workqueue


def test_a_key_is_handed_out_once_until_it_is_done():
    core = workqueue.Core()
    core.add("a")
    core.add("a")
    core.add("b")
    assert core.get(0.0) == "a"
    assert core.get(0.0) == "b"
    assert core.get(0.0) is None


def test_a_change_during_processing_costs_one_more_run():
    core = workqueue.Core()
    core.add("a")
    assert core.get(0.0) == "a"
    core.add("a")
    core.add("a")
    assert core.get(0.0) is None
    core.done("a")
    assert core.get(0.0) == "a"
    core.done("a")
    assert core.get(0.0) is None


def test_delays_of_one_key_double_up_to_the_largest_and_start_anew_when_forgotten():
    core = workqueue.Core(first_delay_seconds=1.0, largest_delay_seconds=5.0)
    delays = []
    for _ in range(4):
        delays.append(core.retry("a", 0.0))
        core.add("a")
        core.get(0.0)
        core.done("a")
    assert delays == [1.0, 2.0, 4.0, 5.0]
    assert core.failures("a") == 4
    core.forget("a")
    assert core.retry("a", 0.0) == 1.0


def test_a_delayed_key_comes_when_it_is_due_and_the_earlier_time_wins():
    core = workqueue.Core()
    core.add_after("a", 10.0)
    core.add_after("a", 5.0)
    core.add_after("a", 7.0)
    assert core.next_due() == 5.0
    assert core.get(4.9) is None
    assert core.get(5.0) == "a"
    core.done("a")
    assert core.next_due() is None
    assert core.get(11.0) is None


def test_an_add_makes_a_planned_run_superfluous():
    core = workqueue.Core()
    core.add_after("a", 10.0)
    core.add("a")
    assert core.get(0.0) == "a"
    core.done("a")
    assert core.get(20.0) is None


def test_a_retry_planned_while_processing_survives_done():
    core = workqueue.Core(first_delay_seconds=1.0)
    core.add("a")
    core.get(0.0)
    core.retry("a", 0.0)
    core.done("a")
    assert core.get(0.5) is None
    assert core.get(1.0) == "a"


def test_a_delayed_key_that_falls_due_while_processing_runs_after_done():
    core = workqueue.Core()
    core.add("a")
    core.get(0.0)
    core.add_after("a", 1.0)
    assert core.get(2.0) is None
    core.done("a")
    assert core.get(2.0) == "a"


KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("after"), KEYS),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("done"), KEYS),
        st.tuples(st.just("retry"), KEYS),
    )
)


@given(STEPS)
def test_no_key_is_processed_twice_at_once_and_none_added_is_lost(steps):
    core = workqueue.Core()
    now, processing, wanted = 0.0, set(), set()
    for step, key in steps:
        now += 0.1
        if step == "add":
            core.add(key)
            wanted.add(key)
        elif step == "after":
            core.add_after(key, now + 1.0)
            wanted.add(key)
        elif step == "retry" and key in processing:
            core.retry(key, now)
            wanted.add(key)
        elif step == "get":
            got = core.get(now)
            if got is not None:
                assert got not in processing
                processing.add(got)
                wanted.discard(got)
        elif step == "done" and key in processing:
            processing.discard(key)
            core.done(key)
    for key in processing:
        core.done(key)
    now += 1000.0
    left = set()
    while (got := core.get(now)) is not None:
        left.add(got)
        core.done(got)
    assert wanted <= left


async def test_workers_wait_for_keys():
    queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    queue.add("b")
    async with asyncio.timeout(5):
        assert {await first, await second} == {"a", "b"}


async def test_a_delayed_key_wakes_its_worker():
    queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after("late", 60.0)
    queue.add_after("soon", 0.001)
    async with asyncio.timeout(5):
        assert await waiting == "soon"


async def test_a_cancelled_worker_takes_no_key_along():
    queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()
    gone = asyncio.create_task(queue.get())
    stays = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    gone.cancel()
    queue.add("a")
    async with asyncio.timeout(5):
        assert await stays == "a"
