"""What of a pod is written when: good news at once, the way there in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fission.cluster.kubelet import status_writer

Obj = dict[str, Any]
RUNNING: Obj = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
CREATING: Obj = {"waiting": {"reason": "ContainerCreating"}}


def a_status(*states: Obj, ready: str = "False", phase: str = "Pending", **more: Any) -> Obj:
    return {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": ready}],
        "containerStatuses": [{"name": "c", "state": state, **more} for state in states],
    }


def test_ordinary_steps_on_the_way_up_may_wait() -> None:
    assert status_writer.is_starting(a_status(CREATING, RUNNING))
    assert status_writer.is_starting(a_status(RUNNING, phase="Running"))


@pytest.mark.parametrize(
    "news",
    [
        a_status(RUNNING, ready="True", phase="Running"),
        a_status({"waiting": {"reason": "ImagePullBackOff"}}),
        a_status({"terminated": {"exitCode": 1}}, phase="Running"),
        a_status(RUNNING, phase="Running", restartCount=1),
        a_status(CREATING, phase="Failed"),
    ],
)
def test_readiness_and_trouble_may_not(news: Obj) -> None:
    assert not status_writer.is_starting(news)


class Api(status_writer.PodApi):
    """Takes every status."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Obj] = asyncio.Queue()

    async def write_status(self, pod: Obj, new: Obj) -> None:
        self.taken.put_nowait(new)


async def test_a_pod_that_comes_up_quickly_is_one_write() -> None:
    api = Api()
    now = [a_status(CREATING)]
    writer = status_writer.StatusWriter(api, lambda: ({"metadata": {}}, now[0]))
    running = asyncio.create_task(writer.run())
    for news in (a_status(CREATING), a_status(RUNNING), a_status(RUNNING, ready="True")):
        now[0] = news
        writer.poke()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await api.taken.get() == a_status(RUNNING, ready="True")
    running.cancel()
    await asyncio.wait([running])
    assert api.taken.empty()
