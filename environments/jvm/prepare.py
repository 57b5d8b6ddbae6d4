"""Makes the runtime on this machine: compiles it, and dumps an archive of its loaded classes.

`IMAGE_CACHE` names the folder to fill: `fission-runtime.jar` (the server and the types of a
function's signature), `rehearsal.jar` (the function that a pod rehearses with) and `runtime.jsa`,
which a virtual machine of the same version maps instead of loading classes one by one.

The words behind the command are not read: `--modules` with a sum in `image.json` has the platform
prepare again when the modules change, which lie in another image's folder. A test holds it true.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
OLDEST = 17
"""Records, pattern matching and `-XX:SharedArchiveFile` for class paths; a long-term release."""
DUMP_SECONDS = 60.0
INSTALL = "apt-get install default-jdk-headless"
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
    sources = [HERE / "builder" / "modules", HERE / "runtime", HERE / "rehearsal"]
    with tempfile.TemporaryDirectory() as scratch:
        classes = pathlib.Path(scratch)
        compile_classes(sources, classes)
        pack(classes, cache / "rehearsal.jar", [classes / "io" / "fission" / "rehearsal"])
        rest = [path for path in classes.glob("*/*/*") if path.name != "rehearsal"]
        pack(classes, cache / "fission-runtime.jar", rest)
    dump(cache)


def compile_classes(folders: list[pathlib.Path], target: pathlib.Path) -> None:
    """Compile every source below the folders; the compiler itself is in a hurry, too."""
    files = [str(path) for folder in folders for path in sorted(folder.rglob("*.java"))]
    command = ["javac", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]
    options = ["--release", str(OLDEST), "-nowarn", "-encoding", "UTF-8", "-proc:none"]
    run([*command, *options, "-d", str(target), *files])


def pack(root: pathlib.Path, target: pathlib.Path, wanted: list[pathlib.Path]) -> None:
    """A JAR file, uncompressed (it is read at every start) and the same every time."""
    classes = [path for one in wanted for path in (one.rglob("*.class") if one.is_dir() else [one])]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as jar:
        for path in sorted(classes):
            entry = zipfile.ZipInfo(str(path.relative_to(root)), EPOCH)
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
    """Run to a good end; what may be wrong with the machine's Java is said otherwise."""
    try:
        done = subprocess.run(command, env=env, stdin=stdin, timeout=DUMP_SECONDS, check=False)
    except FileNotFoundError:
        raise PrepareError(f"{command[0]} is not installed: {INSTALL}") from None
    if done.returncode:
        raise PrepareError(
            f"{command[0]} ended with {done.returncode}; found are {versions()}. Needed are java "
            f"and javac of version {OLDEST} or newer: {INSTALL}, or point "
            "update-alternatives --config java (and javac) at a newer one"
        )


def versions() -> str:
    """What this machine's programs say of themselves."""
    found = []
    for program in ("java", "javac"):
        try:
            done = subprocess.run([program, "-version"], capture_output=True, text=True)
            found.append((done.stdout + done.stderr).splitlines()[0])
        except (FileNotFoundError, IndexError):
            found.append(f"no {program}")
    return ", ".join(found)


if __name__ == "__main__":
    raise SystemExit(main())
