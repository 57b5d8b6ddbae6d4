"""Makes a Maven repository with the modules that functions are compiled against.

`IMAGE_CACHE` names the folder to fill. Builds copy the repository into their local one, so that our
modules are found without network and without being published anywhere.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
GROUP = "io.fission"
VERSION = "1.0.0"
ALIASES = {"fission-java-core": ("0.0.1", "0.0.2", "0.0.2-SNAPSHOT")}
"""Versions that projects for Fission's first JVM environment name, answered by ours."""
EPOCH = (1980, 1, 1, 0, 0, 0)
COMPILE_SECONDS = 90.0
INSTALL = "apt-get install default-jdk-headless (Java 17 or newer)"


def main() -> int:
    """Fill the folder; 1 with a sentence when that is impossible."""
    cache = os.environ.get("IMAGE_CACHE", "")
    if not os.path.isdir(cache):
        print("IMAGE_CACHE has to name the folder to fill", file=sys.stderr)
        return 1
    modules = sorted(path for path in (HERE / "modules").iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as scratch:
        classes = pathlib.Path(scratch)
        files = [str(path) for module in modules for path in sorted(module.rglob("*.java"))]
        command = ["javac", "-J-XX:TieredStopAtLevel=1", "--release", "17", "-nowarn"]
        try:
            done = subprocess.run(
                [*command, "-proc:none", "-d", scratch, *files],
                timeout=COMPILE_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            print(f"javac is not installed: {INSTALL}", file=sys.stderr)
            return 1
        if done.returncode:
            print(f"javac ended with {done.returncode}; needed is {INSTALL}", file=sys.stderr)
            return 1
        for module in modules:
            install(module, classes, pathlib.Path(cache) / "repository")
    return 0


def install(module: pathlib.Path, classes: pathlib.Path, repository: pathlib.Path) -> None:
    """Lay one module out as a Maven repository has it, under each of its versions."""
    pom = (module / "pom.xml").read_text()
    sources = module / "src" / "main" / "java"
    folders = {path.parent.relative_to(sources) for path in sources.rglob("*.java")}
    for version in (VERSION, *ALIASES.get(module.name, ())):
        place = repository / GROUP.replace(".", "/") / module.name / version
        place.mkdir(parents=True)
        own, rest = pom.split(f"<version>{VERSION}</version>", 1)
        text = f"{own}<version>{version}</version>{rest}"
        (place / f"{module.name}-{version}.pom").write_text(text)
        with zipfile.ZipFile(place / f"{module.name}-{version}.jar", "w") as jar:
            for folder in sorted(folders):
                for path in sorted((classes / folder).glob("*.class")):
                    entry = zipfile.ZipInfo(path.relative_to(classes).as_posix(), EPOCH)
                    entry.external_attr = 0o644 << 16
                    jar.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    raise SystemExit(main())
