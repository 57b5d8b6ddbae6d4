"""The download cache is emptied when it is too large, and only when nobody uses it."""

from __future__ import annotations

import os
import pathlib

from fission.builder import downloads

MIB = 1 << 20


def a_cache(tmp_path: pathlib.Path, size: int = 2 * MIB) -> pathlib.Path:
    folder = tmp_path / "cache"
    (folder / "pip" / "http").mkdir(parents=True)
    (folder / "pip" / "http" / "wheel").write_bytes(os.urandom(size))
    return folder


async def use(cache: downloads.Downloads) -> None:
    async with cache.used():
        pass
    await cache.aclose()


async def test_a_cache_beyond_its_bound_begins_anew(tmp_path: pathlib.Path) -> None:
    folder = a_cache(tmp_path)
    await use(downloads.Downloads(folder, 3 * MIB))
    assert (folder / "pip" / "http" / "wheel").exists()
    await use(downloads.Downloads(folder, MIB))
    assert os.listdir(folder) == [downloads.LOCK]


async def test_a_cache_that_another_builder_uses_is_kept(tmp_path: pathlib.Path) -> None:
    folder = a_cache(tmp_path)
    other = downloads.Downloads(folder, 3 * MIB)
    async with other.used():
        await use(downloads.Downloads(folder, MIB))
        assert (folder / "pip" / "http" / "wheel").exists()
    await other.aclose()


async def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: pathlib.Path) -> None:
    folder = a_cache(tmp_path)
    (tmp_path / "elsewhere").write_text("as it was")
    (folder / downloads.LOCK).symlink_to(tmp_path / "elsewhere")
    await use(downloads.Downloads(folder, MIB))
    assert (folder / "pip" / "http" / "wheel").exists()
    assert (tmp_path / "elsewhere").read_text() == "as it was"


async def test_no_cache_is_no_error(tmp_path: pathlib.Path) -> None:
    await use(downloads.Downloads(None, MIB))
