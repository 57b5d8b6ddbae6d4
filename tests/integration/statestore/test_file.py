"""The file: one process at a time, damage is told, what was there is there again."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest

from fission.contracts import statestore as wire
from fission.statestore import errors, store
from tests.integration.statestore import support
from tests.support import component


def run_once(folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a statestore that is expected not to come up."""
    with component.statestore(folder) as made:
        with pytest.raises(RuntimeError, match="is not ready"):
            made.start()
        log = made._log.read_text()
        code = made._process.wait(10) if made._process else 0
    return subprocess.CompletedProcess([], code, log)


async def test_everything_is_there_after_a_start(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        calls = served.client
        await calls.append("s", [wire.Event(payload=b"e", key="k", headers={"a": "b"})])
        message = await calls.enqueue("q", b"m", dedup_key="d")
        (leased,) = await calls.lease("q", 1, 60)
        await calls.set(wire.Scope("n"), "k", b"v")
    async with support.statestore(tmp_path) as served:
        calls = served.client
        (event,) = (await calls.read("s", 0)).events
        assert (event.payload, event.key, event.headers) == (b"e", "k", {"a": "b"})
        assert (await calls.get(wire.Scope("n"), "k")).value == b"v"
        assert await calls.enqueue("q", b"m", dedup_key="d") == message
        assert await calls.lease("q", 1, 60) == []
        await calls.ack(leased.receipt)


async def test_nobody_else_reads_the_files(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        await served.client.append("s", [wire.Event()])
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
        assert len(modes) == 4
        assert set(modes.values()) == {0o600}


async def test_a_second_process_does_not_open_the_file(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        with pytest.raises(errors.CannotOpen, match="another process has the store"):
            store.File(tmp_path / "state", lock_seconds=0)
        done = run_once(tmp_path)
        assert done.returncode == 2
        assert "STATESTORE_PATH: another process has the store" in done.stdout
        assert await served.client.append("s", [wire.Event()]) == 1


@pytest.mark.parametrize("damage", ["no database", "torn in the middle", "cut short"])
async def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    async with support.statestore(tmp_path) as served:
        for _ in range(20):
            await served.client.append("s", [wire.Event(payload=b"x" * 5000)] * 10)
    path = tmp_path / "state" / "state.sqlite"
    content = bytearray(path.read_bytes())
    if damage == "no database":
        content[:100] = b"x" * 100
    elif damage == "torn in the middle":
        content[8192:40000] = b"\xff" * (40000 - 8192)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(errors.CannotOpen, match="Restore it from a copy") as caught:
        store.File(tmp_path / "state")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


async def test_a_file_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    async with support.statestore(tmp_path):
        pass
    db = sqlite3.connect(tmp_path / "state" / "state.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(errors.CannotOpen, match="newer statestore"):
        store.File(tmp_path / "state")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.CannotOpen, match=r"STATESTORE_PATH: .*file/state"):
        store.File(tmp_path / "file" / "state")
