"""``python -m fission.bundle.coldcall URL FILE``: times the first call of a fresh function.

Used by ``bin/demo`` to show a cold start on this machine; cleans up after itself.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import urllib.parse

from fission.base import ids

DEADLINE_SECONDS = 30.0


def main(arguments: list[str]) -> int:
    """Deploy, call once, print the time, remove."""
    url, path = arguments
    name = f"cold-{ids.short_id()}"
    _fission("fn", "create", "--name", name, "--env", "python", "--code", path)
    _fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
    try:
        print(f"cold call: {_first_call(url, f'/{name}'):.1f} ms")
    finally:
        _fission("route", "delete", "--name", name)
        _fission("fn", "delete", "--name", name)
        _fission("pkg", "delete", "--orphan")
    return 0


def _first_call(url: str, path: str) -> float:
    """Return the milliseconds of the first call that reached the function."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
    give_up = time.monotonic() + DEADLINE_SECONDS
    while True:
        started = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        took = (time.perf_counter() - started) * 1000
        if response.status == 200:
            return took
        if response.status != 404 or time.monotonic() > give_up:
            raise SystemExit(f"the function answered {response.status}")
        time.sleep(0.01)


def _fission(*arguments: str) -> None:
    command = [sys.executable, "-m", "fission.cli.main", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
