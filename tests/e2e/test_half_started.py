"""A platform that is stopped while it starts leaves nothing behind."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
from collections.abc import Callable

import pytest

from fission.cluster.supervisor import wire
from tests.e2e import kills
from tests.e2e import platform as platforms


def has_apiserver(home: pathlib.Path) -> bool:
    return (home / "logs" / "apiserver.log").exists()


def has_spawner(home: pathlib.Path) -> bool:
    return any((home / "logs" / "spawners").glob("*.log"))


def has_pods(home: pathlib.Path) -> bool:
    return any((home / "pods").glob("*/record.json"))


@pytest.mark.parametrize("moment", [has_apiserver, has_spawner, has_pods])
def test_a_stop_half_way_leaves_no_process(
    fresh: Callable[[], platforms.Platform], moment: Callable[[pathlib.Path], bool]
) -> None:
    platform = fresh()
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        starting = beside.submit(platform.fission, "up", "-d", "--ports", "auto", check=False)
        platforms.eventually(lambda: moment(platform.home) or starting.done(), bool)
        assert not starting.done(), starting.result().stderr
        if moment is has_pods:
            # At once: the rest may take less time than it takes to start a command.
            state = json.loads((platform.home / "state.json").read_text())
            wire.ask(f"{state['runDir']}/supervisor.sock", {"op": "stop"}, 5.0)
        platform.fission("down")
        done = starting.result(timeout=20)
    assert done.returncode == 1
    assert "stopped before it was ready" in done.stderr
    platforms.eventually(lambda: kills.everything_of(platform.home), lambda found: found == [])
