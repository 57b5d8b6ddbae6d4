"""Spares are complete copies for one pod each: bounded, never shared, never kept over a start."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest

from fission.fetcher import spares, treecache, volume

A, B, C = "a" * 64, "b" * 64, "c" * 64
MIB = 1 << 20


@pytest.fixture
def thread() -> Iterator[futures.Executor]:
    with futures.ThreadPoolExecutor(1) as made:
        yield made


def prepared(folder: Path, max_bytes: int = 64 * MIB) -> treecache.TreeCache:
    cache = treecache.TreeCache(folder, max_bytes)
    cache.prepare()
    return cache


async def use(cache: treecache.TreeCache, key: str, content: str = "code", mib: int = 0) -> None:
    async def fill(path: Path) -> None:
        (path / "lib").mkdir(parents=True)
        (path / "lib" / "run.sh").write_text(content)
        (path / "lib" / "run.sh").chmod(0o755)
        (path / "main.py").write_bytes(b"x" * (mib * MIB))

    async with cache.entry(key, fill):
        pass


def others(folder: Path) -> list[str]:
    """What lies in a cache's directory beside entries."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


async def test_a_spare_is_handed_out_once_and_is_nobody_elses(
    tmp_path: Path, thread: futures.Executor
) -> None:
    cache = prepared(tmp_path)
    await use(cache, A)
    assert cache.take_spare(A) is None
    assert [await cache.make_spare(A, thread) for _ in range(3)] == [True, True, False]
    first, second = cache.take_spare(A), cache.take_spare(A)
    assert first is not None
    assert second is not None
    assert first != second
    assert cache.take_spare(A) is None
    (first / "lib" / "run.sh").write_text("poison")
    assert (second / "lib" / "run.sh").read_text() == "code"
    assert (tmp_path / A / "content" / "lib" / "run.sh").read_text() == "code"
    assert (second / "lib" / "run.sh").stat().st_nlink == 1


async def test_what_is_gone_or_too_large_gets_none(
    tmp_path: Path, thread: futures.Executor
) -> None:
    cache = prepared(tmp_path, 8 * MIB)
    assert not await cache.make_spare(A, thread)
    await use(cache, B, mib=2)
    assert not await cache.make_spare(B, thread)
    cache.close()
    assert others(tmp_path) == []


async def test_spares_count_within_the_bound_and_old_ones_go_first(
    tmp_path: Path, thread: futures.Executor
) -> None:
    cache = prepared(tmp_path, int(8.5 * MIB))
    for key in (A, B):
        await use(cache, key, mib=1)
        assert [await cache.make_spare(key, thread) for _ in range(2)] == [True, True]
    await use(cache, C, mib=4)
    assert cache.take_spare(A) is None
    assert A in cache
    assert cache.take_spare(B) is not None
    assert len(others(tmp_path)) == 2  # the other one of B, and the one that was handed out


async def test_there_are_so_many_of_all_entries(
    tmp_path: Path, thread: futures.Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(treecache, "MAX_SPARES", 1)
    cache = prepared(tmp_path)
    await use(cache, A)
    await use(cache, B)
    assert await cache.make_spare(A, thread)
    assert await cache.make_spare(B, thread)
    assert cache.take_spare(A) is None
    assert cache.take_spare(B) is not None


async def test_a_start_removes_what_a_killed_process_left(
    tmp_path: Path, thread: futures.Executor
) -> None:
    cache = prepared(tmp_path)
    await use(cache, A)
    await cache.make_spare(A, thread)
    (tmp_path / ".fetching-half").mkdir()
    (tmp_path / ".spare-file").write_text("a single file")
    again = prepared(tmp_path)
    assert others(tmp_path) == []
    assert A in again
    assert again.take_spare(A) is None


async def test_they_are_made_behind_a_use_and_given_up_at_the_end(tmp_path: Path) -> None:
    cache = prepared(tmp_path)
    await use(cache, A)
    made = spares.Spares(cache, delay_seconds=0.0)
    made.want(A)
    made.want(B)  # gone meanwhile
    await asyncio.wait_for(made.settled(), 10)
    assert cache.take_spare(A) is not None
    made.want(A)
    await made.aclose()
    await made.aclose()


async def test_a_moved_tree_is_as_a_copied_one(tmp_path: Path, thread: futures.Executor) -> None:
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "code").symlink_to(tmp_path)
    if os.geteuid() == 0:
        os.chown(tmp_path / "pod", 4242, 4243)
    cache = prepared(tmp_path / "cache")
    await use(cache, A)
    await cache.make_spare(A, thread)
    spare = cache.take_spare(A)
    assert spare is not None
    opened = volume.Volume(tmp_path / "pod")
    opened.put_copy(tmp_path / "cache" / A / "content", "copied")
    assert opened.put_moved(spare, "code")
    assert sorted(os.listdir(tmp_path / "pod")) == ["code", "copied"]
    assert described(tmp_path / "pod" / "code") == described(tmp_path / "pod" / "copied")
    opened.close()


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path | None]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


async def test_builders_and_other_file_systems_get_copies(
    tmp_path: Path, thread: futures.Executor, other_file_system: Path | None
) -> None:
    cache = prepared(tmp_path / "cache")
    await use(cache, A)
    await cache.make_spare(A, thread)
    spare = cache.take_spare(A)
    assert spare is not None
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages").chmod(0o777)
    for_builders = volume.Volume(tmp_path / "packages", for_builders=True)
    assert not for_builders.put_moved(spare, "code")
    for_builders.close()
    opened = volume.Volume(tmp_path / "cache")
    assert not opened.put_moved(tmp_path / "gone", "code")
    opened.close()
    if other_file_system is not None:
        elsewhere = volume.Volume(other_file_system)
        assert not elsewhere.put_moved(spare, "code")
        elsewhere.close()
    assert described(spare)


def described(tree: Path) -> list[tuple[str, int, int, int, int, bytes]]:
    """Everything a pod can see of a tree, but when its folders were made."""
    found = []
    for path in sorted([tree, *tree.rglob("*")]):
        status = path.stat()
        is_file = path.is_file()
        moment = status.st_mtime_ns if is_file else 0
        content = path.read_bytes() if is_file else b""
        name = str(path.relative_to(tree))
        found.append((name, status.st_mode, status.st_uid, status.st_gid, moment, content))
    return found
