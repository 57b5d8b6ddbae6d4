"""Which pod may come up next."""

from __future__ import annotations

import asyncio

from fission.cluster.kubelet import startturns


def a_pod(namespace: str, controller: str = "") -> dict[str, object]:
    owners = [{"uid": controller, "kind": "ReplicaSet", "controller": True}] if controller else []
    return {"metadata": {"namespace": namespace, "ownerReferences": owners}}


def test_pods_of_one_controller_take_its_turns() -> None:
    assert startturns.owner_of(a_pod("a", "x")) == startturns.owner_of(a_pod("a", "x"))
    assert startturns.owner_of(a_pod("a", "x")) != startturns.owner_of(a_pod("a", "y"))


def test_pods_without_one_share_those_of_their_namespace() -> None:
    assert startturns.owner_of(a_pod("a")) == startturns.owner_of(a_pod("a"))
    assert startturns.owner_of(a_pod("a")) != startturns.owner_of(a_pod("b"))


async def test_another_owner_finds_a_slot_whatever_the_first_does() -> None:
    line = startturns.make(3)
    up, order = asyncio.Event(), list[str]()

    async def come_up(owner: str) -> None:
        async with line.turn(owner):
            order.append(owner)
            await up.wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(come_up("burst"))
        group.create_task(come_up("other"))
        while len(order) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert order == ["burst", "burst", "other"]
        up.set()
    assert len(order) == 6
