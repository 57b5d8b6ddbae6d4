"""Makes the runtime on this machine: compiles it, and dumps an archive of its loaded classes.

`IMAGE_CACHE` names the folder to fill: `fission-runtime.jar` (the server and the types of a
function's signature), `rehearsal.jar` (the function that a pod rehearses with) and `runtime.jsa`,
which a virtual machine of the same version maps instead of loading classes one by one.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ("fission-java-core", "fission-java-http")
OLDEST = 17
"""Records, pattern matching and `-XX:SharedArchiveFile` for class paths; a long-term release."""
DUMP_SECONDS = 60.0
EPOCH = (1980, 1, 1, 0, 0, 0)


class PrepareError(Exception):
    """The runtime cannot be made here; the message says what to do."""


def main() -> int:
    """Fill the folder; 1 with a sentence when that is impossible."""
    cache = pathlib.Path(os.environ.get("IMAGE_CACHE") or "")
    if not cache.is_dir() or cache == pathlib.Path(""):
        print("IMAGE_CACHE has to name the folder to fill", file=sys.stderr)
        return 1
    try:
        make(cache)
    except (OSError, PrepareError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def make(cache: pathlib.Path) -> None:
    """Compile, pack, dump."""
    check_version()
    modules = [HERE / "builder" / "modules" / name / "src" / "main" / "java" for name in MODULES]
    with tempfile.TemporaryDirectory() as scratch:
        runtime, rehearsal = pathlib.Path(scratch, "runtime"), pathlib.Path(scratch, "rehearsal")
        compile_classes([*modules, HERE / "runtime"], runtime, "-XDstringConcat=inline")
        compile_classes([HERE / "rehearsal"], rehearsal, "-classpath", str(runtime))
        pack(runtime, cache / "fission-runtime.jar")
        pack(rehearsal, cache / "rehearsal.jar")
    dump(cache)


def check_version() -> None:
    """Java and compiler are there, of one version, and new enough."""
    found = {}
    for program, option in (("java", "-version"), ("javac", "-version")):
        try:
            done = subprocess.run([program, option], capture_output=True, text=True)
        except FileNotFoundError:
            raise PrepareError(
                f"{program} is not installed: apt-get install default-jdk-headless "
                f"(Java {OLDEST} or newer, with its compiler)"
            ) from None
        match = re.search(r"(\d+)(?:\.(\d+))?", done.stdout + done.stderr)
        if done.returncode or match is None:
            raise PrepareError(f"{program} {option}: {done.stdout}{done.stderr}")
        found[program] = int(match[2] or 0) if match[1] == "1" else int(match[1])
    if found["javac"] > found["java"] or found["java"] < OLDEST:
        raise PrepareError(
            f"java is of version {found['java']}, javac of version {found['javac']}: this needs "
            f"Java {OLDEST} or newer and a compiler that is not newer than it; "
            "see update-alternatives --config java"
        )


def compile_classes(sources: list[pathlib.Path], target: pathlib.Path, *options: str) -> None:
    """Compile every source below the folders.

    The server's texts are put together without `invokedynamic`, whose first uses cost milliseconds.
    """
    files = [str(path) for source in sources for path in sorted(source.rglob("*.java"))]
    command = ["javac", "--release", str(OLDEST), "-nowarn", "-encoding", "UTF-8", "-proc:none"]
    run([*command, "-d", str(target), *options, *files])


def pack(folder: pathlib.Path, target: pathlib.Path) -> None:
    """A JAR file, uncompressed (it is read at every start) and the same every time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as jar:
        for path in sorted(folder.rglob("*.class")):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
            entry.external_attr = 0o644 << 16
            jar.writestr(entry, path.read_bytes())


def dump(cache: pathlib.Path) -> None:
    """Go through a start and a first call once, and keep the classes that it took."""
    env = {
        **os.environ,
        "FISSION_JVM_HOME": str(cache),
        "JVM_OPTS": "",
        "POD_VOLUME_PATHS": json.dumps({"/userfunc": str(cache / "userfunc")}),
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "http-env",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Standard input stands for descriptor 3: the shell moves it there and back.
        command = ["sh", "-c", 'exec 3<&0; exec sh "$0" --rehearse', str(HERE / "start")]
        run(command, env, listener.fileno())
    if not (cache / "runtime.jsa").is_file():
        raise PrepareError("the virtual machine wrote no archive of shared classes")


def run(
    command: list[str], env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> None:
    """Run to a good end."""
    done = subprocess.run(command, env=env, stdin=stdin, timeout=DUMP_SECONDS, check=False)
    if done.returncode:
        raise PrepareError(f"{command[0]} ended with {done.returncode}")


if __name__ == "__main__":
    raise SystemExit(main())
