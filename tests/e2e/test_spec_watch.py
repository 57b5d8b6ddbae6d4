"""Files of an application are saved while ``spec apply --watch`` looks: live, refused, built."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

from tests.e2e import platform as platforms

DEADLINE_SECONDS = 20.0

SPECS = """\
apiVersion: fission.io/v1
kind: DeploymentConfig
name: saved
uid: 0b8f5d1c-0000-4000-8000-000000000002
---
apiVersion: fission.io/v1
kind: Environment
metadata: {name: saved, namespace: default}
spec: {version: 3, poolsize: 2, runtime: {image: fission/python-env}}
---
kind: ArchiveUploadSpec
name: saved
include: [saved.py]
---
apiVersion: fission.io/v1
kind: Package
metadata: {name: saved, namespace: default}
spec:
  environment: {name: saved, namespace: default}
  deployment: {type: url, url: "archive://saved"}
---
apiVersion: fission.io/v1
kind: Function
metadata: {name: saved, namespace: default}
spec:
  environment: {name: saved, namespace: default}
  package: {packageref: {name: saved, namespace: default}, functionName: main}
  InvokeStrategy: {StrategyType: execution, ExecutionStrategy: {ExecutorType: poolmgr}}
---
apiVersion: fission.io/v1
kind: HTTPTrigger
metadata: {name: saved, namespace: default}
spec: {relativeurl: /saved, methods: [GET], functionref: {type: name, name: saved}}
"""


class Running:
    """The command as it goes on, and all that it said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._readers = []
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            self._readers.append(threading.Thread(target=self._read, args=(stream,)))
            self._readers[-1].start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            self.said.extend(stream)

    def end(self) -> None:
        """Ctrl-C."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE_SECONDS)
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)

    def until(self, text: str) -> None:
        """Wait until it said something."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not any(text in line for line in self.said):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.01)


@pytest.fixture
def folder(platform: platforms.Platform) -> pathlib.Path:
    specs = platform.home / "saved" / "specs"
    platform.run("mkdir", "-p", str(specs))
    platform.run("sh", "-c", f"cat > {specs}/app.yaml", stdin=SPECS)
    return specs.parent


@pytest.fixture
def watching(platform: platforms.Platform, folder: pathlib.Path) -> Iterator[Running]:
    save(platform, folder, "def main():\n    return 'one'\n")
    words = ("--specdir", str(folder / "specs"))
    running = Running(platform.start("spec", "apply", "--watch", *words))
    try:
        yield running
    finally:
        running.end()
        platform.fission("spec", "destroy", *words)


def save(platform: platforms.Platform, folder: pathlib.Path, code: str) -> None:
    """As an editor does: beside it, and renamed."""
    move = f"cat > {folder}/.next && mv {folder}/.next {folder}/saved.py"
    platform.run("sh", "-c", move, stdin=code)


def test_good_code_goes_live_and_bad_code_is_told_while_the_old_serves(
    platform: platforms.Platform, folder: pathlib.Path, watching: Running
) -> None:
    watching.until("Watching files for changes")
    platform.wait_call("/saved", lambda answer: answer.text == "one")
    save(platform, folder, "def main():\n    return 'two'\n")
    platform.wait_call("/saved", lambda answer: answer.text == "two")
    save(platform, folder, "def main(:\n")
    watching.until("is not live: the new code does not load")
    watching.until("SyntaxError")
    assert platform.call("/saved").text == "two"
    save(platform, folder, "def main():\n    return 'three'\n")
    platform.wait_call("/saved", lambda answer: answer.text == "three")
    assert watching.process.poll() is None
