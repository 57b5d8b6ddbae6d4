"""The cache of trees stays within its bound, and never takes what is in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fission.fetcher import treecache

A, B, C = "a" * 64, "b" * 64, "c" * 64
MIB = 1 << 20


def write(path: Path, mib: int = 1) -> None:
    path.write_bytes(b"x" * (mib * MIB))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def use(cache: treecache.TreeCache, key: str, mib: int = 1) -> int:
    """Take an entry out of the cache; returns how often it had to be filled."""
    filled = 0

    async def fill(path: Path) -> None:
        nonlocal filled
        filled += 1
        write(path, mib)

    async with cache.entry(key, fill) as content:
        assert content.stat().st_size == mib * MIB
    return filled


async def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = treecache.TreeCache(tmp_path, int(2.5 * MIB))
    cache.prepare()
    assert [await use(cache, key) for key in (A, B, A, C, A)] == [1, 1, 0, 1, 0]
    assert (A in cache, B in cache, C in cache) == (True, False, True)
    assert names(tmp_path) == [A, C]


async def test_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = treecache.TreeCache(tmp_path, MIB // 2)
    cache.prepare()
    began, end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async def fill(path: Path) -> None:
            write(path)

        async with cache.entry(A, fill) as content:
            began.set()
            await end.wait()
            assert content.exists()

    holder = asyncio.ensure_future(hold())
    await began.wait()
    await use(cache, B)
    assert A in cache
    end.set()
    await holder
    assert names(tmp_path) == []


async def test_many_at_once_keep_to_the_bound(tmp_path: Path) -> None:
    cache = treecache.TreeCache(tmp_path, 3 * MIB)
    cache.prepare()
    keys = [f"{number:064x}" for number in range(6)] * 4
    await asyncio.gather(*(use(cache, key) for key in keys))
    kept = sum(treecache.size_of(tmp_path / name) for name in names(tmp_path))
    assert kept <= 3 * MIB


async def test_small_files_count_for_what_they_take(tmp_path: Path) -> None:
    cache = treecache.TreeCache(tmp_path, MIB)
    cache.prepare()

    def write_many(path: Path) -> None:
        path.mkdir()
        for number in range(300):
            (path / str(number)).write_bytes(b"x")

    async def fill(path: Path) -> None:
        write_many(path)

    async with cache.entry(A, fill):
        pass
    assert A not in cache


async def test_a_start_brings_the_cache_within_its_bound_and_removes_fragments(
    tmp_path: Path,
) -> None:
    for key in (A, B):
        (tmp_path / key).mkdir()
        (tmp_path / key / "content").write_bytes(b"x" * MIB)
    (tmp_path / ".work-half").mkdir()
    (tmp_path / ".gone-abc").mkdir()
    cache = treecache.TreeCache(tmp_path, int(1.5 * MIB))
    cache.prepare()
    assert len(names(tmp_path)) == 1
