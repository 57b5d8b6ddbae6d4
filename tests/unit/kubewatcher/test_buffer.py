import asyncio

from fission.kubewatcher import buffer, plan


def an_event(name="a", size=1):
    return plan.Event("ADDED", name, plan.Seen("u", "1"), "1", b"x" * size)


async def started(work):
    """A task that has run as far as it can."""
    task = asyncio.ensure_future(work)
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_putting_waits_for_room_by_count():
    made = buffer.Buffer(max_items=2)
    await made.put(an_event("a"))
    await made.put(an_event("b"))

    third = await started(made.put(an_event("c")))
    assert not third.done()
    await made.done()
    await third

    assert (await made.take()).name == "b"


async def test_putting_waits_for_room_by_size_and_one_large_item_is_let_in_alone():
    made = buffer.Buffer(max_bytes=10)
    await made.put(an_event("large", 100))

    second = await started(made.put(an_event("b")))
    assert not second.done()
    await made.done()
    await second


async def test_who_waits_is_told_of_events_only():
    counts = []
    made = buffer.Buffer(counts.append)

    await made.put(plan.Passed("1"))
    await made.put(an_event())
    await made.done()
    await made.done()

    assert counts == [1, 0]


async def test_a_position_takes_the_place_of_the_one_before():
    made = buffer.Buffer(max_items=2)
    await made.put(an_event())
    for version in ("2", "3", "4"):
        await made.put(plan.Passed(version))
    await made.done()

    assert await made.take() == plan.Passed("4")


async def test_drained_means_that_the_last_item_is_dealt_with():
    made = buffer.Buffer()
    await made.put(an_event())
    waiting = await started(made.drained())
    await made.take()
    assert not waiting.done()

    await made.done()

    await waiting
