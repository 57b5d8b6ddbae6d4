"""What is told of files as they are saved. The watching is real: temporary files, no platform."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import pytest

from fission.cli import filewatch

DEADLINE_SECONDS = 5.0


class Watch:
    """A watch that has begun."""

    def __init__(self, found):
        self._found = found
        self._next = asyncio.ensure_future(anext(found))

    async def told(self, *paths):
        """Wait until everything named was told; nothing else may be."""
        wanted, seen = set(paths), set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while seen != wanted:
                seen |= await self._next
                assert seen <= wanted
                self._next = asyncio.ensure_future(anext(self._found))

    async def aclose(self):
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._found.aclose()


@pytest.fixture
async def watch():
    async with contextlib.AsyncExitStack() as stack:

        async def begin(*paths, **options):
            found = filewatch.changes(paths, settle_seconds=0.01, **options)
            made = Watch(found)
            stack.push_async_callback(made.aclose)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return made

        yield begin


async def test_a_file_is_told_when_it_is_written_in_place(tmp_path, watch):
    code = tmp_path / "hello.py"
    code.write_text("1")
    seen = await watch(code)
    (tmp_path / "other.py").write_text("not asked for")
    code.write_text("2")
    await seen.told(code)


async def test_a_file_is_told_when_an_editor_puts_another_in_its_place(tmp_path, watch):
    code = tmp_path / "hello.py"
    code.write_text("1")
    seen = await watch(code)
    beside = tmp_path / ".hello.py.swp"
    beside.write_text("2")
    os.replace(beside, code)
    await seen.told(code)
    code.rename(tmp_path / "hello.py~")
    code.write_text("3")
    await seen.told(code)


async def test_a_file_behind_a_link_is_told_by_the_name_that_was_given(tmp_path, watch):
    (tmp_path / "store").mkdir()
    real = tmp_path / "store" / "hello.py"
    real.write_text("1")
    link = tmp_path / "hello.py"
    link.symlink_to(real)
    seen = await watch(link)
    real.write_text("2")
    await seen.told(link)


async def test_of_a_folder_everything_below_is_told_but_what_tools_leave_there(tmp_path, watch):
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "__pycache__").mkdir()
    seen = await watch(tmp_path / "app", ignore=lambda path: path.suffix == ".log")
    (tmp_path / "app" / "__pycache__" / "main.cpython-311.pyc").write_text("")
    (tmp_path / "app" / "main.py~").write_text("")
    (tmp_path / "app" / "trace.log").write_text("")
    (tmp_path / "app" / "sub" / "main.py").write_text("")
    await seen.told(tmp_path / "app" / "sub" / "main.py")


async def test_a_folder_that_is_made_anew_is_watched_again(tmp_path, watch):
    built = tmp_path / "dist"
    built.mkdir()
    seen = await watch(built)
    shutil.rmtree(built)
    await seen.told(built)
    built.mkdir()
    await seen.told(built)
    (built / "main.js").write_text("")
    await seen.told(built / "main.js")


async def test_what_happens_while_nobody_asks_is_told_later(tmp_path):
    code = tmp_path / "hello.py"
    code.write_text("1")
    async with contextlib.aclosing(filewatch.changes([code], settle_seconds=0.01)) as found:
        first = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        code.write_text("2")
        assert await first == {code}
        code.write_text("3")
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await anext(found) == {code}


async def test_a_file_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        await anext(filewatch.changes([tmp_path / "nowhere" / "hello.py"]))


@pytest.mark.parametrize(
    ("name", "is_temporary"),
    [
        ("main.py", False),
        (".env", False),
        ("main.py~", True),
        (".main.py.swp", True),
        (".#main.py", True),
        ("#main.py#", True),
        ("4913", True),
        ("main.py___jb_tmp___", True),
        ("__pycache__/main.cpython-311.pyc", True),
        (".git/index", True),
    ],
)
def test_names_that_editors_use(name, is_temporary):
    assert filewatch.is_temporary(Path("/app") / name) is is_temporary
