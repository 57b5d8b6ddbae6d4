"""First call of a Python function with a package of forty modules: byte-code from the build or not.

A platform of its own, a warm pool, fresh functions with a route each. The same package is deployed
once as the builder's command leaves it, with byte-code, and once as its sources alone; the two are
called for the first time in turn. A function of one line tells what a cold start costs without any
package: what is above that is the package's import.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import tempfile
import urllib.parse
from typing import Any

import libcold
import libplatform
import libpythonpackage

ROUNDS = 12
POOL_SIZE = 3


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the sources alone."""
    with libplatform.running() as platform, tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        platform.make_environment(POOL_SIZE)
        packages = _make_packages(folder)
        taken: dict[str, list[float]] = {kind: [] for kind in packages}
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        for number in range(ROUNDS):
            for kind, (package, answer) in packages.items():
                function = _deploy(platform, f"{kind}-{number}", package)
                platform.wait_pool(POOL_SIZE, libcold.PAUSE_SECONDS)
                taken[kind].append(libcold.calls(netloc, f"/{function}", answer)[0])
    p50 = {kind: statistics.median(values) for kind, values in taken.items()}
    built, sources = (p50[kind] - p50["line"] for kind in ("built", "sources"))
    return {
        "title": "cold start, Python package of forty modules",
        "rows": [
            libcold.row("byte-code from the build", taken["built"], p50["sources"]),
            libcold.row("baseline: sources alone", taken["sources"], p50["sources"]),
            libcold.row("a function of one line", taken["line"], p50["sources"]),
        ],
        "import_ms": {"built": round(built, 2), "sources": round(sources, 2)},
        "ratio": round(built / sources, 3),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"the package's import p50 {built:.1f} ms, {sources:.1f} ms from sources",
    }


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
