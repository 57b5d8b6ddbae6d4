"""What is seen of functions while they run: logs of all their pods, and ``fission top``."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pty
import queue
import select
import signal
import subprocess
import sys
import threading

from tests.e2e import platform as platforms


def test_logs_are_followed_over_pods_that_start_later(platform: platforms.Platform) -> None:
    platform.deploy(
        "followed",
        "import threading\nfrom flask import request\n\n"
        "def main():\n"
        "    print('call', request.args['n'], flush=True)\n"
        "    threading.Event().wait(float(request.args.get('seconds', 0)))\n"
        "    return 'done'\n",
    )
    following = platform.start("fn", "logs", "-f", "--name", "followed")
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert following.stdout is not None
        for line in following.stdout:
            if "call" in line:
                lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    with following, concurrent.futures.ThreadPoolExecutor(2) as pool:
        try:
            platform.wait_call("/followed?n=0")
            assert lines.get(timeout=platforms.DEADLINE_SECONDS) == "call 0\n"
            calls = [pool.submit(platform.call, f"/followed?n={n}&seconds=1") for n in (1, 2)]
            seen = [lines.get(timeout=platforms.DEADLINE_SECONDS) for _ in calls]
            assert sorted(line.split("] ")[-1] for line in seen) == ["call 1\n", "call 2\n"]
            assert seen[1].startswith("[")
            assert {call.result(platforms.DEADLINE_SECONDS).status for call in calls} == {200}
        finally:
            following.terminate()


def test_top_shows_calls_errors_times_pods_and_cold_starts(platform: platforms.Platform) -> None:
    platform.deploy(
        "watched",
        "import time\nfrom flask import request\n\n"
        "def main():\n    time.sleep(0.02)\n    return 'x', int(request.args.get('code', 200))\n",
    )
    platform.wait_call("/watched")
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            platform.call("/watched")
            platform.call("/watched?code=500")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load)
        try:
            shown = platform.fission(
                "top", "--function", "watched", "--interval", "1s", "-o", "json"
            )
        finally:
            over.set()
        loading.result(platforms.DEADLINE_SECONDS)

    (row,) = json.loads(shown.stdout)
    assert row["callsPerSecond"] > 2
    assert 0.3 < row["errorsPerSecond"] / row["callsPerSecond"] < 0.7
    assert 15 < row["p50Ms"] <= row["p99Ms"] < 5000
    assert row["pods"] >= row["podsReady"] >= 1
    assert row["coldStarts"] >= 1
    table = platform.fission("top", "--once", "--interval", "0.2s", "--sort", "name").stdout
    assert table.splitlines()[0].split() == [
        "NAME", "CALLS/S", "ERRORS/S", "P50", "P99", "PODS", "COLD_STARTS", "NAMESPACE",
    ]  # fmt: skip


def test_top_goes_on_at_a_terminal_until_it_is_interrupted(platform: platforms.Platform) -> None:
    terminal, end = pty.openpty()
    running = subprocess.Popen(
        platform.account.command(
            [sys.executable, "-m", "fission.cli.main", "top", "--interval", "0.2s"]
        ),
        env={**platform._env, "TERM": "xterm", "COLUMNS": "100", "LINES": "20"},
        cwd=platform.home,
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = b""
    try:
        while shown.count(b"CALLS/S") < 2:
            ready, _, _ = select.select([terminal], [], [], platforms.DEADLINE_SECONDS)
            assert ready, shown
            shown += os.read(terminal, 65536)
        assert b"fission top - " in shown
        running.send_signal(signal.SIGINT)
        running.wait(platforms.DEADLINE_SECONDS)
    finally:
        running.kill()
        running.wait()
        os.close(terminal)
