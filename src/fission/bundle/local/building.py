"""One build in a folder of this machine, by an image's builder."""

from __future__ import annotations

import asyncio
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Mapping

from fission.base import clock as clocks
from fission.builder import build, config, downloads, folders, processes
from fission.bundle.local import runtimes
from fission.contracts import builder as wire


def run(
    reference: str,
    source: pathlib.Path,
    target: pathlib.Path,
    command: str,
    env: Mapping[str, str],
) -> int:
    """Build a copy of ``source`` into ``target``; the log goes to standard output."""
    image = runtimes.find(reference, env)
    variables = {**env, **image.env}
    if image.pythonpath:
        variables["PYTHONPATH"] = os.pathsep.join(image.pythonpath)
    cache = pathlib.Path(env.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    kept = cache / "fission" / "builds"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fission-build-") as scratch:
        root = pathlib.Path(scratch)
        shutil.copytree(source, root / "source", symlinks=True)
        artifact = asyncio.run(_build(root, command, kept, variables))
        shutil.move(root / artifact, target)
    return 0


async def _build(
    root: pathlib.Path, command: str, kept: pathlib.Path, variables: Mapping[str, str]
) -> str:
    settings = config.from_env(variables)
    around = build.Surroundings(
        env=variables,
        timeout_seconds=settings.timeout_seconds,
        cache_dir=kept,
        cache_variables=config.parse_cache_variables(settings.cache_variables),
    )
    places = folders.Folders(root)
    places.prepare()
    cached = downloads.Downloads(kept, settings.cache_max_mib << 20)
    reaper = processes.Reaper(owns_process=True)
    builds = build.Builds(places, around, cached, reaper, clocks.SystemClock())
    try:
        request = wire.BuildRequest(source_filename="source", command=command)
        return await builds.run(request, _show)
    finally:
        await cached.aclose()


async def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
