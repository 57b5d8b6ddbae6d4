"""One deployed function per environment, and what is said where a language's program is missing."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pytest

from tests.conformance.environment import catalog
from tests.e2e import accounts
from tests.e2e import platform as platforms

GHOST = {
    "name": "ghost-env",
    "command": ["ghostlang", "{image}/server"],
    "ports": {"http-env": 8888},
    "needs": [{"executable": "ghostlang", "install": "apt-get install ghostlang"}],
}
"""An image whose program no machine has."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[platforms.Platform]:
    """A platform of this module's own, which knows one more image."""
    images = tmp_path_factory.mktemp("images")
    (images / "ghost").mkdir()
    (images / "ghost" / "image.json").write_text(json.dumps(GHOST))
    started = platforms.Platform(accounts.everyone()[0])
    try:
        started.up("--ports", "auto", "--images", str(images))
        yield started
    finally:
        platforms.ended(started)


@pytest.mark.parametrize("language", catalog.NAMES)
def test_a_function_of_every_language(
    platform: platforms.Platform, tmp_path: pathlib.Path, language: str
) -> None:
    runtime = catalog.find(language)
    missing = runtime.missing()
    if missing:
        pytest.skip(missing)
    package = runtime.make_samples(tmp_path) / runtime.probe.path
    entry = ("--entrypoint", runtime.probe.entry_point) if runtime.probe.entry_point else ()
    platform.fission(
        *("env", "create", "--name", language, "--image", f"fission/{language}-env"),
        *("--poolsize", "1"),
    )
    given = "--deploy" if package.is_dir() else "--code"
    platform.fission(
        *("fn", "create", "--name", language, "--env", language, given, str(package), *entry)
    )
    tested = platform.fission("fn", "test", "--name", language)
    assert tested.stdout == "hello"
    platform.fission(
        *("route", "create", "--name", language, "--function", language, "--method", "POST"),
        *("--prefix", f"/{language}"),
    )
    body = bytes(range(256)) * 100
    answer = platforms.eventually(
        lambda: platform.call(f"/{language}/echo", "POST", body), lambda got: got.status == 200
    )
    assert answer.body == body
    platform.call(f"/{language}/log", "POST")
    platforms.eventually(
        lambda: platform.fission("fn", "logs", "--name", language).stdout,
        lambda text: "to stderr" in text,
    )


def test_a_program_is_built_from_source(platform: platforms.Platform) -> None:
    platform.fission(
        *("env", "create", "--name", "made", "--image", "fission/binary-env", "--poolsize", "1"),
        *("--builder", "fission/binary-builder"),
    )
    script = "#!/bin/sh\necho building; printf '#!/bin/sh\\necho built\\n' > run\n"
    source = pathlib.Path(platform.write("made/build.sh", script)).parent
    created = platform.fission(
        *("fn", "create", "--name", "made", "--env", "made", "--src", str(source)),
        *("--entrypoint", "run"),
    )
    assert "build: running build.sh\nbuilding\nbuild: making run executable" in created.stdout
    assert platform.fission("fn", "test", "--name", "made").stdout == "built\n"


def test_an_environment_whose_program_is_missing_names_what_to_install(
    platform: platforms.Platform,
) -> None:
    platform.fission(
        *("env", "create", "--name", "ghost", "--image", "fission/ghost-env", "--poolsize", "1")
    )
    code = platform.write("ghost/fn", "boo")
    platform.fission("fn", "create", "--name", "boo", "--env", "ghost", "--code", code)
    tested = platform.fission("fn", "test", "--name", "boo", check=False)
    assert tested.returncode == 1
    assert "needs ghostlang on this machine: apt-get install ghostlang" in tested.stderr
    assert conditions_of(platform, "ghost") == {
        "containers with unready status: [ghost]; ghost: image ghost-env needs ghostlang on this "
        "machine: apt-get install ghostlang"
    }


def conditions_of(platform: platforms.Platform, environment: str) -> set[str]:
    """The messages of the pods' condition Ready."""
    path = f"/api/v1/namespaces/default/pods?labelSelector=environmentName%3D{environment}"
    found = json.loads(platform.kubectl("get", "--raw", path))
    return {
        condition.get("message", "")
        for pod in found["items"]
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready"
    }
