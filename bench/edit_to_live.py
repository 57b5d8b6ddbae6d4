"""From a saved file to the first answer of the new code: fn update --watch, spec apply, run-local.

A Python function is edited again and again. What is timed is from the write of the file until its
route answers with the new text, asked every few milliseconds. Beside it a plain Flask process that
reloads itself (werkzeug's reloader), and the same edits by `fission fn update` without `--watch`: a
process of the command for each edit, and nothing is tried.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib import parse

import libplatform

EDITS = 20
FEWER_EDITS = 8
"""Of what is only compared with."""
PAUSE_SECONDS = 1.0
POLL_SECONDS = 0.003
DEADLINE_SECONDS = 20.0
GOAL_MS = 300.0

_FLASK = """
import sys
from flask import Flask
app = Flask(__name__)
@app.route("/")
def main():
    return {text!r}
if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), debug=True)
"""
_CODE = "def main():\n    return {text!r}\n"
_TRIGGER = """\
apiVersion: fission.io/v1
kind: {kind}
metadata: {{name: {name}}}
spec: {spec}
---
"""


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="fission-edit-") as folder:
        place = pathlib.Path(folder)
        with libplatform.running() as platform:
            platform.make_environment(3)
            platform.wait_pool(3, 1.0)
            rows.append(_row("fn update --watch", _watched(platform, place / "watch")))
            rows.append(_row("spec apply --watch", _applied(platform, place / "spec")))
            rows.append(_row("fn update, no watch", _updated(platform, place / "update")))
        rows.append(_row("fn run-local --watch", _local(place / "local")))
        rows.append(_row("Flask's reloader", _flask(place / "flask")))
    p50 = rows[0]["p50_ms"]
    return {
        "title": "a saved Python file is live",
        "rows": rows,
        "summary": f"p50 {p50:.0f} ms; goal {GOAL_MS:.0f} ms",
    }


def _row(name: str, times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    last = len(ordered) - 1
    return {
        "way": name,
        "edits": len(ordered),
        "p50_ms": ordered[len(ordered) // 2],
        "p95_ms": ordered[min(last, round(last * 0.95))],
        "max_ms": ordered[-1],
    }


def _watched(platform: libplatform.Platform, place: pathlib.Path) -> list[float]:
    code = _write(place / "hello.py", "start")
    platform.fission("fn", "create", "--name", "watched", "--env", "python", "--code", str(code))
    platform.fission("route", "create", "--name", "watched", "--function", "watched", "--url", "/w")
    words = ("fn", "update", "--name", "watched", "--code", "hello.py", "--watch")
    with _command(words, place, platform.home):
        return _edit(lambda text: _write(code, text), f"{_router(platform)}/w", EDITS)


def _applied(platform: libplatform.Platform, place: pathlib.Path) -> list[float]:
    code = _write(place / "hello.py", "start")
    for words in (
        ("spec", "init"),
        ("fn", "create", "--spec", "--name", "s", "--env", "python", "--code", "hello.py"),
        ("route", "create", "--spec", "--name", "s", "--function", "s", "--url", "/s"),
    ):
        subprocess.run(_words(words), cwd=place, env=_env(platform.home), check=True, stdout=-3)
    with _command(("spec", "apply", "--watch"), place, platform.home):
        return _edit(lambda text: _write(code, text), f"{_router(platform)}/s", EDITS)


def _updated(platform: libplatform.Platform, place: pathlib.Path) -> list[float]:
    code = _write(place / "hello.py", "start")
    platform.fission("fn", "create", "--name", "plain", "--env", "python", "--code", str(code))
    platform.fission("route", "create", "--name", "plain", "--function", "plain", "--url", "/p")

    def update(text: str) -> None:
        _write(code, text)
        platform.fission("fn", "update", "--name", "plain", "--code", str(code))

    return _edit(update, f"{_router(platform)}/p")


def _local(place: pathlib.Path) -> list[float]:
    code = _write(place / "hello.py", "start")
    words = ("fn", "run-local", "--image", "fission/python-env", "--code", "hello.py", "--watch")
    with _command(words, place, place / "home") as url:
        return _edit(lambda text: _write(code, text), url)


def _flask(place: pathlib.Path) -> list[float]:
    place.mkdir(parents=True)
    code = place / "app.py"
    code.write_text(_FLASK.format(text="start"))
    port = _free_port()
    child = subprocess.Popen(
        [sys.executable, "app.py", str(port)],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/", "start")
        return _edit(
            lambda text: code.write_text(_FLASK.format(text=text)), f"http://127.0.0.1:{port}/"
        )
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()


def _edit(change: Callable[[str], object], url: str, edits: int = FEWER_EDITS) -> list[float]:
    """Edit and wait, again and again; the first edit only finds out that everything works."""
    times = []
    for number in range(edits + 1):
        time.sleep(PAUSE_SECONDS)
        text = f"edit {number}"
        began = time.perf_counter()
        change(text)
        while _ask(url) != text:
            if time.perf_counter() - began > DEADLINE_SECONDS:
                raise RuntimeError(f"{url} does not answer {text!r} but {_ask(url)!r}")
            time.sleep(POLL_SECONDS)
        times.append((time.perf_counter() - began) * 1000)
    return times[1:]


def _wait_for(url: str, text: str) -> None:
    """Wait for an answer, and for the reloader behind it to have looked at its files."""
    give_up = time.perf_counter() + DEADLINE_SECONDS
    while _ask(url) != text and time.perf_counter() < give_up:
        time.sleep(POLL_SECONDS)
    time.sleep(2 * PAUSE_SECONDS)


def _ask(url: str) -> str:
    parts = parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()


@contextlib.contextmanager
def _command(words: tuple[str, ...], place: pathlib.Path, home: pathlib.Path) -> Iterator[str]:
    """A command that stays, ready; the URL that it named, if it did."""
    child = subprocess.Popen(
        _words(words),
        cwd=place,
        env=_env(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout is not None
    url = ""
    try:
        for line in child.stdout:
            url = url or next((word for word in line.split() if word.startswith("http://")), "")
            if "Ctrl-C" in line:
                break
        else:
            raise RuntimeError(f"fission {' '.join(words)} ended")
        threading.Thread(target=child.stdout.read, daemon=True).start()
        yield url
    finally:
        child.send_signal(signal.SIGINT)
        child.wait()


def _words(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "fission.cli.main", *words]


def _env(home: pathlib.Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return {**kept, "FISSION_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def _router(platform: libplatform.Platform) -> str:
    return str(platform.status()["router"])


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write(path: pathlib.Path, text: str) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_CODE.format(text=text))
    return path
