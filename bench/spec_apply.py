"""How long `fission spec apply` takes for 200 objects: new, unchanged, and with one file changed.

A whole platform, and the command as a process of its own, from its start to its end. The objects
are 60 functions with a package, an archive and a route each, 19 timers and their environment.
`spec destroy` takes them away again. The floor beside it: one process that writes the same objects
to the API server and does nothing else, so that what is left is the command's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import libdeclare
import libplatform

FUNCTIONS = int(os.environ.get("BENCH_FUNCTIONS", "60"))
TIMERS = 19
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
QUIET_SECONDS = 3.0
"""For what the platform does with new objects; unchanged ones are applied when that is over."""
NEW_TARGET_SECONDS = 10.0
SAME_TARGET_SECONDS = 2.0
UID = "2d3c1b4a-0000-4000-8000-000000000000"

Obj = dict[str, Any]


def run() -> dict[str, Any]:
    """Measure on a platform of its own."""
    with libplatform.running() as platform:
        folder = platform.home.parent / "application"
        documents = _write(folder)
        count = sum(each["kind"] != "ArchiveUploadSpec" for each in documents)
        new = _timed(platform, folder, "apply")
        time.sleep(QUIET_SECONDS)
        same = [_timed(platform, folder, "apply") for _ in range(ROUNDS)]
        dry = [_timed(platform, folder, "apply", "--dry-run") for _ in range(ROUNDS)]
        changed = [_change(platform, folder, number) for number in range(ROUNDS)]
        gone = _timed(platform, folder, "destroy")
        floor = asyncio.run(_floor(platform.home))
    rows = [
        {"what": f"{count} new", "p50_s": new, "max_s": new, "target_s": NEW_TARGET_SECONDS},
        _row(f"{count} unchanged", same, SAME_TARGET_SECONDS),
        _row("dry run", dry, SAME_TARGET_SECONDS),
        _row("1 file changed", changed, SAME_TARGET_SECONDS),
        {"what": f"{count} destroyed", "p50_s": gone, "max_s": gone},
        {"what": "written with nothing around", "p50_s": floor, "max_s": floor},
    ]
    keys = ("what", "p50_s", "max_s", "target_s")
    return {
        "title": f"spec apply of {count} objects",
        "rows": [{key: row.get(key) for key in keys} for row in rows],
        "load": round(os.getloadavg()[0], 1),
        "summary": f"new in {new:.1f} s (target {NEW_TARGET_SECONDS:.0f}), unchanged in"
        f" {sorted(same)[len(same) // 2]:.2f} s (target {SAME_TARGET_SECONDS:.0f})",
    }


def _row(what: str, seconds: list[float], target: float) -> dict[str, Any]:
    middle = sorted(seconds)[len(seconds) // 2]
    return {"what": what, "p50_s": middle, "max_s": max(seconds), "target_s": target}


def _timed(platform: libplatform.Platform, folder: pathlib.Path, *words: str) -> float:
    """Seconds that one command takes."""
    command = [sys.executable, "-m", "fission.cli.main", "spec", *words]
    env = {**os.environ, "FISSION_HOME": str(platform.home)}
    begun = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"spec {' '.join(words)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - begun


def _change(platform: libplatform.Platform, folder: pathlib.Path, number: int) -> float:
    (folder / "src" / f"f{number}.py").write_text(f"def main():\n    return 'new {number}'\n")
    return _timed(platform, folder, "apply")


def _write(folder: pathlib.Path) -> list[Obj]:
    (folder / "src").mkdir(parents=True)
    (folder / "specs").mkdir()
    documents: list[Obj] = [_object("Environment", "python", _ENVIRONMENT)]
    for number in range(FUNCTIONS):
        name = f"f{number}"
        (folder / "src" / f"{name}.py").write_text(f"def main():\n    return {number}\n")
        package = libdeclare.package(name, b"")
        del package["status"]
        package["spec"]["deployment"] = {"type": "url", "url": f"archive://{name}"}
        archive = {"kind": "ArchiveUploadSpec", "name": name, "include": [f"src/{name}.py"]}
        documents += [archive, package, libdeclare.function(name, name), libdeclare.route(name)]
    for number in range(TIMERS):
        reference = {"type": "name", "name": f"f{number}"}
        documents.append(
            _object("TimeTrigger", f"t{number}", {"cron": "@daily", "functionref": reference})
        )
    deployment = {"apiVersion": "fission.io/v1", "kind": "DeploymentConfig"}
    texts = [json.dumps(each, indent=2) for each in documents]  # JSON is YAML
    (folder / "specs" / "app.yaml").write_text("\n---\n".join(texts))
    (folder / "specs" / "fission-deployment-config.yaml").write_text(
        json.dumps({**deployment, "name": "bench", "uid": UID})
    )
    return documents


_ENVIRONMENT = {"version": 3, "poolsize": 1, "runtime": {"image": "fission/python-env"}}


def _object(kind: str, name: str, spec: Obj) -> Obj:
    metadata = {"name": name, "namespace": libdeclare.NAMESPACE}
    return {"apiVersion": "fission.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


async def _floor(home: pathlib.Path) -> float:
    """Seconds to write as many objects of the same kinds without any command."""
    names = [f"g{number}" for number in range(FUNCTIONS)]
    async with libdeclare.connected(home) as client:
        begun = time.perf_counter()
        await libdeclare.create_all(client, [libdeclare.package(name, b"x") for name in names])
        await libdeclare.create_all(client, [libdeclare.function(name, name) for name in names])
        await libdeclare.create_all(client, [libdeclare.route(name) for name in names])
        return time.perf_counter() - begun
