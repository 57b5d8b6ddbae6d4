"""First call of a Python function with a package of forty modules: byte-code from the build or not.

A platform of its own, a warm pool, fresh functions with a route each. The same package is deployed
once as the builder's command leaves it, with byte-code, and once as its sources alone; the two are
called for the first time in turn, and say how long their import took in the pod. A function of one
line tells what a cold start costs without any package; what is above that and the import is the
package's way into the pod.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import tempfile
import urllib.parse
import urllib.request
from typing import Any

import libcold
import libplatform
import libpythonpackage

ROUNDS = 12
POOL_SIZE = 3
KINDS = ("built", "sources", "line")


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the sources alone."""
    with libplatform.running() as platform, tempfile.TemporaryDirectory() as name:
        packages = _make_packages(pathlib.Path(name))
        platform.make_environment(POOL_SIZE)
        calls: dict[str, list[float]] = {kind: [] for kind in KINDS}
        imports: dict[str, list[float]] = {kind: [] for kind in KINDS}
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        for number in range(ROUNDS):
            for kind in KINDS:
                package, answer = packages[kind]
                function = _deploy(platform, f"{kind}-{number}", package)
                platform.wait_pool(POOL_SIZE, libcold.PAUSE_SECONDS)
                calls[kind].append(libcold.calls(netloc, f"/{function}", answer)[0])
                if kind != "line":
                    imports[kind].append(_import_milliseconds(netloc, function))
    return _result(calls, imports)


def _result(calls: dict[str, list[float]], imports: dict[str, list[float]]) -> dict[str, Any]:
    whole = statistics.median(calls["sources"])
    built, sources = (statistics.median(imports[kind]) for kind in ("built", "sources"))
    return {
        "title": "cold start, Python package of forty modules",
        "rows": [
            libcold.row("import, byte-code from the build", imports["built"], sources),
            libcold.row("baseline: import of sources alone", imports["sources"], sources),
            libcold.row("first call, byte-code from the build", calls["built"], whole),
            libcold.row("baseline: first call, sources alone", calls["sources"], whole),
            libcold.row("first call, a function of one line", calls["line"], whole),
        ],
        "ratio": round(built / sources, 3),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"import p50 {built:.1f} ms, {built / sources:.3f} of compiling in the pod",
    }


def _import_milliseconds(netloc: str, function: str) -> float:
    with urllib.request.urlopen(f"http://{netloc}/{function}?import=1") as response:
        return float(response.read())


def _make_packages(folder: pathlib.Path) -> dict[str, tuple[pathlib.Path, bytes]]:
    sources = libpythonpackage.write(folder / "sources")
    libpythonpackage.build(sources, folder / "built", folder / "cache")
    line = folder / "line"
    line.mkdir()
    (line / "main.py").write_text("def main():\n    return 'one'\n")
    return {
        "built": (folder / "built", libpythonpackage.ANSWER),
        "sources": (sources, libpythonpackage.ANSWER),
        "line": (line, b"one"),
    }


def _deploy(platform: libplatform.Platform, name: str, package: pathlib.Path) -> str:
    given = ("--deploy", str(package), "--entrypoint", "main.main")
    platform.fission("fn", "create", "--name", name, "--env", "python", *given)
    platform.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
    return name
