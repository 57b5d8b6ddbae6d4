"""Code that is saved runs a moment later, if it works: on a platform, and without one."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import threading

import pytest

from tests.e2e import platform as platforms
from tests.support import commandline

CODE = "def main():\n    return {text!r}\n"
LOCAL = """\
import json, os
from flask import request

def main():
    secrets = json.loads(os.environ["POD_VOLUME_PATHS"])["/secrets"]
    with open(f"{secrets}/shop/db/password") as file:
        password = file.read()
    headers = request.headers
    return " ".join([
        request.method, request.path, headers["X-Fission-Function-Name"], headers["X-Colour"],
        os.environ["SIZE"], os.environ["PLACE"], password, request.get_data(as_text=True),
    ])
"""


class Watching:
    """A command that stays, and what it has said."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.said = ""
        self._readers = [
            threading.Thread(target=self._read, args=(stream,))
            for stream in (child.stdout, child.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, *words: str) -> str:
        """Wait until it has said all of these since the last time; what it said."""
        platforms.eventually(lambda: self.said, lambda said: all(word in said for word in words))
        said, self.said = self.said, ""
        return said

    def interrupt(self) -> int:
        self.child.send_signal(signal.SIGINT)
        code = self.child.wait(platforms.DEADLINE_SECONDS)
        for reader in self._readers:
            reader.join()
        return code

    def _read(self, stream) -> None:  # type: ignore[no-untyped-def]
        with stream:
            for line in stream:
                self.said += line


def test_what_is_saved_goes_live_if_it_works_and_else_is_told(
    platform: platforms.Platform,
) -> None:
    code = pathlib.Path(platform.write("loop/loop.py", CODE.format(text="one")))
    words = ("fn", "create", "--name", "loop", "--env", "python", "--code", str(code), "--watch")
    watching = Watching(platform.start(*words))
    try:
        watching.wait_for("function 'loop' created", "Ctrl-C ends it")
        platform.fission(
            *("route", "create", "--name", "loop", "--function", "loop", "--url", "/loop")
        )
        platform.wait_call("/loop", lambda answer: answer.text == "one")
        code.write_text(CODE.format(text="two"))
        platform.wait_call("/loop", lambda answer: answer.text == "two")
        watching.wait_for("loop.py", "live, ")

        code.write_text("import nowhere_to_be_found\n")
        watching.wait_for(
            "not live: the new code does not load; the version before goes on serving",
            "No module named 'nowhere_to_be_found'",
        )
        assert platform.call("/loop").text == "two"

        code.write_text(CODE.format(text="three"))
        platform.wait_call("/loop", lambda answer: answer.text == "three")
        watching.wait_for("live, ")
    finally:
        assert watching.interrupt() == 130
    assert "'loop' goes on with the last version that worked." in watching.said
    assert platform.call("/loop").text == "three"
    assert "loop-trial" not in platform.fission("pkg", "list").stdout


async def test_a_function_runs_without_a_platform(tmp_path: pathlib.Path) -> None:
    (tmp_path / "main.py").write_text(LOCAL)
    (tmp_path / "settings.env").write_text("SIZE=small\nexport PLACE='by the sea'\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "password").write_text("pw")
    fission = commandline.CommandLine(tmp_path)
    done = await fission.run(
        *("fn", "run-local", "--name", "hello", "-n", "shop", "--image", "fission/python-env:1"),
        *("--code", "main.py", "--env-from", "settings.env", "-e", "SIZE=large"),
        *("--secret-mount", "db=secret", "--method", "post", "--subpath", "a/b"),
        *("-H", "X-Colour: red", "--body", "body"),
    )
    assert done == commandline.Result(0, "POST /a/b hello red large by the sea pw body", "")


async def test_a_program_runs_without_a_platform(tmp_path: pathlib.Path) -> None:
    (tmp_path / "hello.sh").write_text('#!/bin/sh\necho "hello $REQUEST_METHOD"\n')
    fission = commandline.CommandLine(tmp_path)
    done = await fission.run("fn", "runl", "--image", "binary-env", "--code", "hello.sh")
    assert done == commandline.Result(0, "hello GET\n", "")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--image", "fission/cobol-env"),
            ('image "fission/cobol-env" is not known on this machine', "python-env, ", "put a"),
        ),
        (("--image", "python-env"), ("the code does not load", "No module named 'nowhere'")),
        ((), ("need --image or --env argument",)),
        (
            ("--image", "python-env", "--executortype", "container"),
            ("no container engine is used",),
        ),
        (
            ("--image", "python-env", "--secret", "db"),
            ("Secret db cannot be read from a platform", "--secret-mount db=FOLDER"),
        ),
    ],
)
async def test_what_does_not_run_is_told(
    flags: tuple[str, ...], said: tuple[str, ...], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "main.py").write_text("import nowhere\n")
    done = await commandline.CommandLine(tmp_path).run(
        "fn", "run-local", "--code", "main.py", *flags
    )
    assert done.code == 1
    assert done.out == ""
    assert all(each in done.err for each in said), done.err
