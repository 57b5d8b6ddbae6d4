"""A running embedded platform, driven as a person would: the command, HTTP, kubectl."""

from __future__ import annotations

import http.client
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from fission.cli import main
from tests.e2e import accounts

DEADLINE_SECONDS = 30.0
PYTHON_ENVIRONMENT = ("env", "create", "--name", "python", "--image", "fission/python-env")


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:200]!r}>"


class Platform:
    """One home; ``up`` starts it, ``down`` stops it."""

    def __init__(self, account: accounts.Account, home: pathlib.Path | None = None) -> None:
        self.account = account
        self.home = home or account.make_home()
        self._env = {
            **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
            "FISSION_HOME": str(self.home),
            "HOME": str(self.home),
            "PYTHONPATH": str(accounts.REPOSITORY),
            "PYTHONWARNINGS": "default",
        }

    def run(
        self, *words: str, check: bool = True, env: dict[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run any command under the platform's account."""
        done = subprocess.run(
            self.account.command(list(words)),
            env={**self._env, **(env or {})},
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        done.args = list(words)
        return _checked(done) if check else done

    def start(self, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin a ``fission`` command whose output is read as it comes."""
        return subprocess.Popen(
            self.account.command([sys.executable, "-m", "fission.cli.main", *words]),
            env={**self._env, **(env or {})},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def fission(
        self, *words: str, check: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the ``fission`` command, inside this process where that makes no difference.

        Those of a platform's processes need the account; only the main thread has signals.
        """
        in_thread = threading.current_thread() is not threading.main_thread()
        if words[0] in ("up", "down", "status") or in_thread:
            return self.typed(*words, check=check, env=env)
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(3)]
        stdin, out, err = streams
        kept, sys.stdin = sys.stdin, stdin
        try:
            code = main.run(words, {**self._env, **(env or {})}, out, err, self.home)
        finally:
            sys.stdin = kept
        done = subprocess.CompletedProcess(["fission", *words], code, _text(out), _text(err))
        return _checked(done) if check else done

    def typed(
        self, *words: str, check: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the ``fission`` command as somebody who types it: a process of the account."""
        return self.run(sys.executable, "-m", "fission.cli.main", *words, check=check, env=env)

    def kubectl(self, *words: str, check: bool = True, stdin: str = "") -> str:
        """Run kubectl against the embedded API server."""
        kubeconfig = str(self.home / "kubeconfig")
        return self.run(
            "kubectl", "--kubeconfig", kubeconfig, *words, check=check, stdin=stdin
        ).stdout

    def up(self, *flags: str) -> str:
        return self.fission("up", "-d", *(flags or ("--ports", "auto"))).stdout

    def down(self) -> None:
        _remember(self.home, self.fission("status", "-o", "json", check=False).stdout)
        self.fission("down", check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.fission("status", "-o", "json").stdout)
        return found

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def router(self) -> str:
        if not hasattr(self, "_router"):
            self._router: str = self.status()["router"]
        return self._router

    def write(self, name: str, content: str) -> str:
        """Write a file that the platform's account can read; returns its path."""
        path = self.home / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        for entry in (self.home / "work", path.parent):
            entry.chmod(0o755)
        path.chmod(0o644)
        return str(path)

    def call(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Call the public listener once."""
        return call(self.router + path, method, body, headers)

    def wait_call(
        self, path: str, good: Callable[[Answer], bool] = lambda answer: answer.status == 200
    ) -> Answer:
        """Call until the answer is good; a route takes a moment to be known."""
        return eventually(lambda: self.call(path), good)

    def deploy(
        self, name: str, source: str, *flags: str, entry_point: str = "", env: str = "python"
    ) -> None:
        """Create a Python function and a route ``/<name>`` to it."""
        code = self.write(f"{name}.py", source)
        entry = ("--entrypoint", entry_point) if entry_point else ()
        self.fission("fn", "create", "--name", name, "--env", env, "--code", code, *entry, *flags)
        self.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)

    def log_tail(self) -> str:
        """Return the ends of the platform's logs, for a failed test's report."""
        parts = []
        for path in everything_below(self.home / "logs"):
            if path.suffix != ".log":
                continue
            try:
                text = path.read_text(errors="replace")[-3000:]
            except OSError:  # a pod ended meanwhile
                continue
            if text:
                parts.append(f"--- {path.relative_to(self.home)}\n{text}")
        return "\n".join(parts)


def _checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Fail if it failed."""
    if done.returncode:
        raise AssertionError(
            f"{' '.join(done.args)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def started(account: accounts.Account, poolsize: int = 3) -> Platform:
    """A platform that runs, with an environment for Python."""
    platform = Platform(account)
    try:
        platform.up()
        platform.fission(*PYTHON_ENVIRONMENT, "--poolsize", str(poolsize))
    except BaseException:
        print(platform.log_tail())
        platform.down()
        raise
    return platform


def ended(platform: Platform) -> None:
    """Stop it; nothing of it may be left."""
    platform.down()
    remaining = leftovers(platform.home)
    platform.remove()
    assert remaining == []


def everything_below(root: pathlib.Path) -> list[pathlib.Path]:
    """Return files and folders, sorted; folders of pods that end meanwhile are passed over."""
    return sorted(
        pathlib.Path(folder, name)
        for folder, folders, files in os.walk(root)
        for name in [*folders, *files]
    )


def call(url: str, method: str = "GET", body: bytes = b"", headers: Any = None) -> Answer:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_SECONDS)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        connection.request(method, target, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def eventually(
    attempt: Callable[[], Any],
    good: Callable[[Any], bool] = bool,
    seconds: float = DEADLINE_SECONDS,
) -> Any:
    """Repeat until the outcome is good; fail with the last one at the deadline."""
    give_up = time.monotonic() + seconds
    while True:
        outcome: Any
        try:
            outcome = attempt()
            if good(outcome):
                return outcome
        except (OSError, http.client.HTTPException) as error:
            outcome = error
        if time.monotonic() > give_up:
            raise AssertionError(f"still not good after {seconds} s: {outcome!r}")
        pause()


_POLL_SECONDS = 0.01
"""Between two looks at a condition; never a guess at how long something takes."""


def pause() -> None:
    """Give others the processor between two looks."""
    threading.Event().wait(_POLL_SECONDS)


_ended: dict[pathlib.Path, set[tuple[int, str]]] = {}
"""Home → pid and start time of what ran there when it was told to end.

Spawners and pods are started with an environment of their own, which does not name the home.
"""


def _remember(home: pathlib.Path, status: str) -> None:
    try:
        processes = json.loads(status)["processes"]
    except (ValueError, LookupError):  # nothing runs
        return
    for process in processes:
        started = _start_of(process["pid"])
        if started:
            _ended.setdefault(home, set()).add((process["pid"], started))


def _start_of(pid: int) -> str:
    """Return the start time of a process, nothing of one that is gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def leftovers(home: pathlib.Path) -> list[str]:
    """Return the command lines of processes that still belong to a home, and its mounts."""
    found = [
        f"process {pid} that ran before"
        for pid, started in _ended.get(home, ())
        if _start_of(pid) == started
    ]
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            if f"FISSION_HOME={home}\0".encode() in environment:
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    mounts = pathlib.Path("/proc/self/mounts").read_text()
    found.extend(line for line in mounts.splitlines() if str(home) in line)
    return found
