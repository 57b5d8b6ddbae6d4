"""Source with dependencies becomes a running function, and stays one while it changes.

Wheels travel in the package, so that nothing here needs a network.
"""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable

import pytest

from tests.e2e import accounts
from tests.e2e import platform as platforms
from tests.support import wheels

pytestmark = pytest.mark.e2e

MAIN = "import shop\n\n\ndef main():\n    return shop.sell() + ' {word}'\n"
ENVIRONMENT = (
    *("env", "create", "--name", "built", "--image", "fission/python-env", "--poolsize", "1"),
    *("--builder", "fission/python-builder", "--builder-env", "FISSION_WHEELS=wheels"),
)
SCRIPT = (
    "#!/bin/sh\n"
    "pip3 install -r ${SRC_PKG}/requirements.txt -t ${SRC_PKG} && cp -r ${SRC_PKG} ${DEPLOY_PKG}\n"
)


def write_source(platform: platforms.Platform, name: str, word: str, wanted: str = "shop") -> str:
    """A function, its requirements, and the wheels that they are met from."""
    platform.write(f"{name}/main.py", MAIN.format(word=word))
    platform.write(f"{name}/requirements.txt", f"{wanted}\n")
    platform.write(f"{name}/build.sh", SCRIPT)
    folder = platform.home / "work" / name
    wheels.make(folder / "wheels", "till", {"till.py": "def ring():\n    return 'ring'\n"})
    shop = {"shop/__init__.py": "import till\n\n\ndef sell():\n    return till.ring()\n"}
    wheels.make(folder / "wheels", "shop", shop, requires=("till",))
    (folder / "wheels").chmod(0o755)
    for wheel in (folder / "wheels").iterdir():
        wheel.chmod(0o644)
    return str(folder)


def create(platform: platforms.Platform, name: str, source: str, *flags: str) -> str:
    """Create a function from source with a route; returns what the command shows."""
    given = ("--env", "built", "--src", source, "--entrypoint", "main.main", *flags)
    shown = platform.fission("fn", "create", "--name", name, *given).stdout
    platform.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
    return shown


def package_of(platform: platforms.Platform, function: str) -> str:
    path = "jsonpath={.spec.package.packageref.name}"
    return platform.kubectl("get", "function", function, "-o", path)


@pytest.fixture(scope="session")
def built(platform: platforms.Platform) -> platforms.Platform:
    """The shared platform with an environment that has a builder."""
    platform.fission(*ENVIRONMENT)
    return platform


class Load:
    """Calls one after another, from beginning to end of the block."""

    def __init__(self, call: Callable[[], platforms.Answer]) -> None:
        self._call = call
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[tuple[int, str]] = []

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(platforms.DEADLINE_SECONDS)

    def _run(self) -> None:
        while not self._over.is_set():
            answer = self._call()
            self.answers.append((answer.status, answer.text))


def build_and_call(platform: platforms.Platform) -> None:
    shown = create(platform, "shop", write_source(platform, "shop", "one"))
    assert "build: 2 packages installed" in shown
    assert platform.wait_call("/shop").text == "ring one"
    source = write_source(platform, "script", "own")
    create(platform, "script", source, "--buildcmd", "./build.sh")
    assert platform.wait_call("/script").text == "ring own"


def test_source_is_built_and_runs(built: platforms.Platform) -> None:
    build_and_call(built)


@pytest.mark.parametrize(
    "any_platform", accounts.everyone()[1:], indirect=True, ids=lambda account: account.name
)
def test_source_is_built_under_other_accounts_too(any_platform: platforms.Platform) -> None:
    any_platform.fission(*ENVIRONMENT)
    build_and_call(any_platform)


def test_an_update_is_built_while_the_old_code_serves(built: platforms.Platform) -> None:
    create(built, "changing", write_source(built, "changing", "old"))
    assert built.wait_call("/changing").text == "ring old"
    with Load(lambda: built.call("/changing")) as load:
        source = write_source(built, "changing", "new")
        shown = built.fission("fn", "update", "--name", "changing", "--src", source).stdout
        assert "modules compiled" in shown
        platforms.eventually(lambda: load.answers[-1], lambda answer: answer == (200, "ring new"))
    assert set(load.answers) == {(200, "ring old"), (200, "ring new")}


def test_a_failed_build_shows_why_and_the_old_code_serves_on(built: platforms.Platform) -> None:
    create(built, "keeps-old", write_source(built, "keeps-old", "good"))
    assert built.wait_call("/keeps-old").text == "ring good"
    source = write_source(built, "keeps-old", "bad", wanted="not-in-any-wheel")
    failed = built.fission("fn", "update", "--name", "keeps-old", "--src", source, check=False)
    assert failed.returncode == 1
    assert "not-in-any-wheel" in failed.stdout + failed.stderr
    assert "(FISSION_WHEELS)" in failed.stdout + failed.stderr
    package = package_of(built, "keeps-old")
    info = built.fission("pkg", "info", "--name", package).stdout
    assert "failed" in info
    assert "build: failed: uv could not install the dependencies" in info
    assert built.call("/keeps-old").text == "ring good"
    again = built.fission("pkg", "rebuild", "--name", package, "--follow", check=False)
    assert again.returncode == 1
    source = write_source(built, "keeps-old", "mended")
    built.fission("fn", "update", "--name", "keeps-old", "--src", source)
    built.wait_call("/keeps-old", lambda answer: answer.text == "ring mended")


def test_an_unchanged_source_is_built_once(built: platforms.Platform) -> None:
    source = write_source(built, "same", "same")
    assert "modules compiled" in create(built, "built-first", source)
    shown = create(built, "built-second", source)
    assert "modules compiled" not in shown
    assert built.wait_call("/built-second").text == "ring same"
    package = package_of(built, "built-second")
    shown = built.fission("pkg", "rebuild", "--name", package, "--nocache", "--follow").stdout
    assert "modules compiled" in shown


def test_what_was_built_has_byte_code_and_no_wheels(
    built: platforms.Platform, tmp_path: pathlib.Path
) -> None:
    create(built, "looked-at", write_source(built, "looked-at", "x"))
    archive = built.home / "work" / "deploy.zip"
    package = package_of(built, "looked-at")
    built.fission("pkg", "getdeploy", "--name", package, "--output", str(archive))
    listed = built.run("python3", "-m", "zipfile", "-l", str(archive)).stdout
    assert "shop/__pycache__/__init__.cpython-" in listed
    assert ".whl" not in listed
