"""Images whose programs are made on this machine."""

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from fission.cluster.kubelet import errors, images, preparing
from tests.support import waiting

COUNTING = """
import os, pathlib, sys
with open({count!r}, "a") as file:
    file.write("x")
print("compiling", flush=True)
pathlib.Path(os.environ["IMAGE_CACHE"], "made").write_text("made")
"""


def an_image(folder: Path, script: str, caches: Path) -> images.Image:
    folder.mkdir(exist_ok=True)
    (folder / "prepare.py").write_text(script)
    manifest = {
        "name": "made-env",
        "command": ["{cache}/made"],
        "prepare": ["{python}", "{image}/prepare.py"],
    }
    (folder / "image.json").write_text(json.dumps(manifest))
    return images.load([folder], sys.executable, caches).find("made-env")


def made_in(image: images.Image) -> Path:
    return Path(image.cache)


async def test_it_runs_once_for_however_many_wait(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = COUNTING.format(count=str(count))
    image = an_image(tmp_path / "image", script, tmp_path / "caches")
    preparer = preparing.Preparer(tmp_path / "logs")
    assert not preparer.is_ready(image)
    await asyncio.gather(*(preparer.ready(image) for _ in range(5)))
    assert preparer.is_ready(image)
    assert (made_in(image) / "made").read_text() == "made"
    await preparing.Preparer(tmp_path / "logs").ready(image)
    assert count.read_text() == "x"
    assert (tmp_path / "logs" / "made-env.log").read_text() == "compiling\n"


async def test_a_changed_image_is_prepared_anew_and_the_older_removed(tmp_path: Path) -> None:
    script = COUNTING.format(count=str(tmp_path / "count"))
    preparer = preparing.Preparer(tmp_path / "logs")
    first = an_image(tmp_path / "image", script, tmp_path / "caches")
    await preparer.ready(first)
    second = an_image(tmp_path / "image", script + "# changed", tmp_path / "caches")
    assert second.cache != first.cache
    await preparer.ready(second)
    assert [path.name for path in made_in(second).parent.iterdir()] == [made_in(second).name]


async def test_a_failure_says_what_was_printed_and_leaves_nothing(tmp_path: Path) -> None:
    script = COUNTING.format(count=str(tmp_path / "count")) + "sys.exit('javac: no such file')"
    image = an_image(tmp_path / "image", script, tmp_path / "caches")
    preparer = preparing.Preparer(tmp_path / "logs")
    with pytest.raises(errors.PrepareFailed, match=r"ended with 1 .*compiling\njavac: no such"):
        await preparer.ready(image)
    assert not preparer.is_ready(image)
    assert list(made_in(image).parent.iterdir()) == []


async def test_a_hang_is_cut_with_all_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    script = f"""
import os, subprocess
os.mkfifo({str(fifo)!r})
subprocess.run(["cat", {str(fifo)!r}])
"""
    image = an_image(tmp_path / "image", script, tmp_path / "caches")
    preparer = preparing.Preparer(tmp_path / "logs", timeout_seconds=1.0)
    with pytest.raises(errors.PrepareFailed, match="took more than 1 s"):
        await preparer.ready(image)
    await waiting.until(lambda: not any(runs_with(str(fifo), p) for p in Path("/proc").iterdir()))


def runs_with(word: str, process: Path) -> bool:
    try:
        return word in (process / "cmdline").read_text()
    except OSError:
        return False


def test_a_placeholder_without_a_prepare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(images.BadManifest, match="needs a 'prepare' that fills it"):
        images.parse('{"name": "a", "command": ["{cache}/a"]}', tmp_path, "python")


async def test_it_looks_for_programs_where_needs_did(tmp_path: Path) -> None:
    script = (
        "import os, pathlib\n"
        'text = os.environ["PATH"] + " " + os.environ["OTHER"]\n'
        'pathlib.Path(os.environ["IMAGE_CACHE"], "made").write_text(text)\n'
    )
    image = an_image(tmp_path / "image", script, tmp_path / "caches")
    image = dataclasses.replace(image, env={"PATH": "/of/its/containers", "OTHER": "one"})
    await preparing.Preparer(tmp_path / "logs").ready(image)
    assert (made_in(image) / "made").read_text() == f"{os.environ['PATH']} one"
