"""From a folder of source to an answer: packages built, followed, repeated, fetched back."""

from __future__ import annotations

import io
import json
import pathlib
import random
import re
import signal
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import platform as platforms
from tests.support import wheels

TUTORIAL = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "from-source.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAIN = "def main():\n    return {!r}\n"
COPY = "#!/bin/sh\necho copying\ncp -r $SRC_PKG $DEPLOY_PKG\n"
FAIL = "#!/bin/sh\necho looking\necho 'no such library' >&2\nexit 3\n"
WAIT = """#!/bin/sh
echo first
python3 -c "import socket; socket.create_connection(('127.0.0.1', {port})).recv(1)"
echo second
cp -r $SRC_PKG $DEPLOY_PKG
"""
BUILD_SH = ("--buildcmd", "./build.sh", "--entrypoint", "main.main")


@pytest.fixture(scope="module")
def builder(platform: platforms.Platform) -> platforms.Platform:
    """The platform with an environment that builds."""
    platform.fission(
        *("env", "create", "--name", "packer", "--image", "fission/python-env", "--poolsize", "1"),
        *("--builder", "fission/python-builder"),
    )
    return platform


@pytest.fixture(scope="module")
def controller_env(platform: platforms.Platform) -> dict[str, str]:
    """Variables that lead the command through the controller."""
    platform.kubectl("create", "serviceaccount", "packer")
    platform.kubectl(
        *("create", "clusterrolebinding", "packer", "--clusterrole", "cluster-admin"),
        *("--serviceaccount", "default:packer"),
    )
    words = ("create", "token", "packer", "--audience", "fission-controller")
    token = platform.kubectl(*words).strip()
    return {"FISSION_URL": platform.status()["controller"], "FISSION_TOKEN": token}


@pytest.fixture(params=["kubernetes", "controller"])
def way_in(request: pytest.FixtureRequest, builder: platforms.Platform) -> dict[str, str]:
    """Both ways in, one after the other."""
    if request.param == "kubernetes":
        return {}
    request.getfixturevalue("kubectl")
    found: dict[str, str] = request.getfixturevalue("controller_env")
    return found


@pytest.fixture
def gate() -> Iterator[socket.socket]:
    """What a build of ``WAIT`` waits for."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(platforms.DEADLINE_SECONDS)
        yield listening


def source(platform: platforms.Platform, name: str, answer: str, script: str) -> str:
    """A folder with a function and a build script."""
    platform.write(f"{name}/main.py", MAIN.format(answer))
    path = pathlib.Path(platform.write(f"{name}/build.sh", script))
    path.chmod(0o755)
    return str(path.parent)


def package_of(platform: platforms.Platform, function: str) -> str:
    found = json.loads(platform.fission("fn", "getmeta", "--name", function, "-o", "json").stdout)
    return str(found["spec"]["package"]["packageref"]["name"])


def answer(platform: platforms.Platform, function: str) -> str:
    return platform.fission("fn", "test", "--name", function).stdout


def test_a_log_is_seen_while_the_build_runs(
    builder: platforms.Platform, way_in: dict[str, str], gate: socket.socket
) -> None:
    name = "seen-by-rest" if way_in else "seen-running"
    folder = source(builder, name, name, WAIT.format(port=gate.getsockname()[1]))
    creating = builder.start(
        "fn", "create", "--name", name, "--env", "packer", "--src", folder, *BUILD_SH, env=way_in
    )
    assert creating.stdout is not None

    said = [creating.stdout.readline() for _ in range(3)]
    assert said[0].startswith(f"Package '{name}-")
    assert said[1:] == [f"function '{name}' created\n", "first\n"]
    assert creating.poll() is None
    package = said[0].split("'")[1]
    assert "running" in builder.fission("pkg", "list", "--status", "running").stdout
    following = builder.start("pkg", "info", "--name", package, "--follow", env=way_in)
    assert following.stdout is not None
    while following.stdout.readline() != "first\n":
        assert following.poll() is None

    gate.accept()[0].close()
    rest, errors = creating.communicate(timeout=platforms.DEADLINE_SECONDS)
    followed, _ = following.communicate(timeout=platforms.DEADLINE_SECONDS)

    assert (creating.returncode, errors) == (0, "")
    assert re.fullmatch(rf"second\nPackage '{package}' built in \d+\.\d s\n", rest)
    assert followed.startswith("second\n")
    assert following.returncode == 0
    assert answer(builder, name) == name


def test_who_leaves_a_build_finds_it_again(
    builder: platforms.Platform, gate: socket.socket
) -> None:
    folder = source(builder, "left", "left alone", WAIT.format(port=gate.getsockname()[1]))
    creating = builder.start(
        "fn", "create", "--name", "left", "--env", "packer", "--src", folder, *BUILD_SH
    )
    assert creating.stdout is not None
    while creating.stdout.readline() != "first\n":
        assert creating.poll() is None

    creating.send_signal(signal.SIGINT)
    _, errors = creating.communicate(timeout=platforms.DEADLINE_SECONDS)
    package = package_of(builder, "left")
    assert (creating.returncode, errors) == (
        130,
        f"The build goes on. Follow it again: fission pkg info --name {package} --follow\n",
    )
    gate.accept()[0].close()
    followed = builder.fission("pkg", "info", "--name", package, "--follow").stdout

    assert "first\nsecond\nPackage " in followed
    assert answer(builder, "left") == "left alone"


def test_a_failed_build_leaves_what_was_there_and_says_what_next(
    builder: platforms.Platform,
) -> None:
    def fission(*words: str, code: int = 0) -> platforms.subprocess.CompletedProcess[str]:
        done = builder.fission(*words, check=False)
        assert done.returncode == code, done
        return done

    bad = source(builder, "mended-bad", "bad", FAIL)
    failed = fission(
        *("fn", "create", "--name", "mended", "--env", "packer", "--src", bad, *BUILD_SH), code=1
    )
    package = package_of(builder, "mended")
    assert "looking\n" in failed.stdout
    assert failed.stderr.startswith(f"Error: the build of package '{package}' failed:\n")
    assert f"fission pkg rebuild --name {package}\n" in failed.stderr
    assert "fission fn update --name mended --src ...\n" in failed.stderr
    assert "no such library" in fission("pkg", "info", "--name", package).stdout
    again = fission("pkg", "rebuild", "--name", package, "--follow", code=1)
    assert "looking\n" in again.stdout

    good = source(builder, "mended-good", "mended", COPY)
    assert "copying\n" in fission("fn", "update", "--name", "mended", "--src", good).stdout
    assert answer(builder, "mended") == "mended"

    updated = fission("fn", "update", "--name", "mended", "--src", bad, code=1)
    assert "looking\n" in updated.stdout
    assert answer(builder, "mended") == "mended"
    same = fission("fn", "update", "--name", "mended", "--src", bad, code=1)
    assert "failed" in same.stderr


def test_the_same_source_is_built_once_unless_that_is_asked_for(
    builder: platforms.Platform,
) -> None:
    folder = source(builder, "once", "once", COPY)
    create = ("pkg", "create", "--env", "packer", "--src", folder, "--buildcmd", "./build.sh")
    first = builder.fission(*create, "--name", "once-a", "--follow").stdout
    second = builder.fission(*create, "--name", "once-b", "--follow").stdout
    anew = builder.fission("pkg", "rebuild", "--name", "once-b", "--nocache", "--follow").stdout

    assert "copying\n" in first
    assert "copying\n" not in second
    assert "the archive that was built then is used again" in second
    assert "copying\n" in anew


def test_source_and_result_come_back_as_they_were(
    builder: platforms.Platform, way_in: dict[str, str]
) -> None:
    name = "back-by-rest" if way_in else "back"
    folder = source(builder, name, name, COPY)
    blob = builder.home / "work" / name / "blob.bin"
    blob.write_bytes(random.Random(7).randbytes(600_000))

    def fission(*words: str) -> str:
        return builder.fission(*words, env=way_in).stdout

    fission(
        *("pkg", "create", "--name", name, "--env", "packer", "--src", folder, "--follow"),
        *("--buildcmd", "./build.sh"),
    )
    info = fission("pkg", "info", "--name", name)
    assert re.search(r"Source: +http://storagesvc", info)
    assert re.search(r"Deployment: +http://storagesvc", info)
    for verb in ("getsrc", "getdeploy"):
        target = builder.home / "work" / f"{name}-{verb}.zip"
        fission("pkg", verb, "--name", name, "--output", str(target))
        with zipfile.ZipFile(io.BytesIO(target.read_bytes())) as opened:
            assert opened.read("blob.bin") == blob.read_bytes()
            assert (opened.getinfo("build.sh").external_attr >> 16) & 0o111
    fission("fn", "create", "--name", name, "--pkg", name, "--entrypoint", "main.main")
    assert answer(builder, name) == name

    refused = builder.fission("pkg", "delete", "--name", name, check=False, env=way_in)
    why = "Error: package is used by at least one function, use -f to force delete\n"
    assert refused.stderr.endswith(f"{why}  by {name}: they could not start without it\n")
    fission("fn", "delete", "--name", name)
    assert name in fission("pkg", "list", "--orphan")
    fission("pkg", "delete", "--name", name)
    assert f"\n{name} " not in fission("pkg", "list")


def test_what_cannot_be_built_is_refused_before_anything_is_made(
    builder: platforms.Platform,
) -> None:
    folder = source(builder, "refused", "refused", COPY)

    def said(*words: str) -> str:
        done = builder.fission("fn", "create", "--name", "refused", *words, check=False)
        assert done.returncode == 1
        return done.stderr.partition("\nError: ")[2]

    assert "environment 'python' has no builder" in said("--env", "python", "--src", folder)
    assert 'did you mean "packer"?' in said("--env", "packr", "--src", folder)
    assert "no file matches" in said("--env", "packer", "--src", f"{folder}/*.js")
    both = said("--env", "packer", "--src", folder, "--code", f"{folder}/main.py")
    assert "--code and --sourcearchive exclude each other" in both
    assert "--buildcmd" in said("--env", "packer", "--src", folder, "--buildcmd", "a; b")
    assert "refused" not in builder.fission("pkg", "list").stdout


def test_every_step_of_the_tutorial_works(fresh: Callable[[], platforms.Platform]) -> None:
    platform = fresh()
    folder = platform.home / "sizes" / "wheels"
    folder.mkdir(parents=True)
    code = (
        "def naturalsize(text, binary=False):\n"
        "    return '2.9 MiB' if binary else '3.0 MB' if text == '3000000' else text\n"
    )
    wheels.make(folder, "humanize", {"humanize/__init__.py": code}, version="4.9.0")
    said = ""

    for block in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        script = block.replace("fission up -d", "fission up -d --ports auto").replace(
            "--builder fission/python-builder",
            "--builder fission/python-builder --builder-env FISSION_WHEELS=wheels",
        )
        command = f'fission() {{ {sys.executable} -m fission.cli.main "$@"; }}\n'
        said += platform.run("bash", "-ec", command + script).stdout

    assert "3.0 MB\n" in said
    assert said.count("2.9 MiB\n") == 2
    assert "exit code 1\n" in said
    assert "Orphan packages deleted\n" in said
