"""pods/log: which file, which lines, and what is refused."""

import asyncio
import pathlib
from typing import Any

import pytest
from starlette.requests import Request

from fission.base import clock
from fission.cluster.apiserver import hooks, podlogs
from fission.meta import gvk, status


def a_pod(**state: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "wl", "uid": "u-1"},
        "spec": {"nodeName": "node", "containers": [{"name": "main"}]},
        "status": {"containerStatuses": [{"name": "main", "restartCount": 0, "state": state}]},
    }


def write(folder: pathlib.Path, attempt: int, *texts: str) -> pathlib.Path:
    path = folder / "wl_web_u-1" / "main" / f"{attempt}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for text in texts:
            file.write(f"2026-01-01T00:00:00.000000000Z stdout F {text}\n")
    return path


class Bench:
    def __init__(self, folder: pathlib.Path, objects: Any) -> None:
        self.objects = objects
        self._logs = podlogs.PodLogs(folder, clock.ManualClock())
        self.received: list[bytes] = []

    async def get(self, query: str = "", name: str = "web") -> bytes:
        """The whole answer; ``received`` holds its parts as they come."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": [],
        }
        context = hooks.StreamContext(hooks.ADMIN, gvk.PODS, "wl", name, "", self.objects)
        response = await self._logs.log(Request(scope), context)

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                self.received.append(message["body"])
            elif message["type"] == "http.response.start":
                assert (b"content-type", b"text/plain") in message["headers"]

        await response(scope, receive, send)
        return b"".join(self.received)


@pytest.fixture
def bench(tmp_path: pathlib.Path, objects: Any) -> Bench:
    objects.put(gvk.PODS, a_pod(running={}))
    return Bench(tmp_path, objects)


async def test_the_log_is_plain_text(bench: Bench, tmp_path: pathlib.Path) -> None:
    write(tmp_path, 0, "hello", "world")
    assert await bench.get() == b"hello\nworld\n"


async def test_the_newest_attempt_counts_and_previous_is_the_one_before(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    for attempt in (0, 9, 10):
        write(tmp_path, attempt, f"attempt {attempt}")
    assert await bench.get() == b"attempt 10\n"
    bench.received.clear()
    assert await bench.get("previous=true") == b"attempt 9\n"


async def test_tail_timestamps_and_limit(bench: Bench, tmp_path: pathlib.Path) -> None:
    write(tmp_path, 0, "one", "two")
    assert await bench.get("tailLines=1&timestamps=true") == (
        b"2026-01-01T00:00:00.000000000Z two\n"
    )
    bench.received.clear()
    assert await bench.get("limitBytes=5") == b"one\nt"


async def test_a_follower_sees_lines_as_they_come_and_ends_with_the_container(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    write(tmp_path, 0, "old")
    async with asyncio.timeout(10):
        following = asyncio.create_task(bench.get("follow=true"))
        while b"".join(bench.received) != b"old\n":  # noqa: ASYNC110 (the file is the event)
            await asyncio.sleep(0.01)
        write(tmp_path, 0, "new")
        while b"".join(bench.received) != b"old\nnew\n":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not following.done()

        write(tmp_path, 0, "last words")
        bench.objects.put(gvk.PODS, a_pod(terminated={"exitCode": 0}))

        assert await following == b"old\nnew\nlast words\n"


async def test_a_follower_ends_when_the_pod_is_gone(bench: Bench, tmp_path: pathlib.Path) -> None:
    write(tmp_path, 0, "x")
    async with asyncio.timeout(10):
        following = asyncio.create_task(bench.get("follow=true"))
        while not bench.received:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await bench.objects.delete(gvk.PODS, "wl", "web")
        assert await following == b"x\n"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("container=zzz", "container zzz is not valid for pod web"),
        ("previous=true", 'previous terminated container "main" in pod "web" not found'),
        ("", 'container "main" in pod "web" is waiting to start: ErrImageNeverPull'),
    ],
)
async def test_there_is_nothing_to_show(bench: Bench, query: str, message: str) -> None:
    bench.objects.put(gvk.PODS, a_pod(waiting={"reason": "ErrImageNeverPull"}))
    with pytest.raises(status.BadRequest) as caught:
        await bench.get(query)
    assert caught.value.message == message


async def test_of_several_containers_one_must_be_named(bench: Bench) -> None:
    pod = a_pod(running={})
    pod["spec"]["containers"].append({"name": "side"})
    bench.objects.put(gvk.PODS, pod)
    with pytest.raises(status.BadRequest) as caught:
        await bench.get()
    assert caught.value.message == (
        "a container name must be specified for pod web, choose one of: [main side]"
    )


async def test_a_pod_that_is_not_there_or_has_no_node(bench: Bench) -> None:
    with pytest.raises(status.NotFound, match='pods "none" not found'):
        await bench.get(name="none")
    pod = a_pod()
    del pod["spec"]["nodeName"]
    bench.objects.put(gvk.PODS, pod)
    with pytest.raises(status.BadRequest, match="pod web does not have a host assigned"):
        await bench.get()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("stream=Stdout", "stream: Forbidden: may not be specified"),
        (
            "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
)
async def test_bad_options_are_invalid(bench: Bench, query: str, message: str) -> None:
    with pytest.raises(status.Invalid) as caught:
        await bench.get(query)
    assert caught.value.message == f'PodLogOptions "web" is invalid: {message}'
