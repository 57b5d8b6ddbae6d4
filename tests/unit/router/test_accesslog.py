"""Lines of the access log."""

import asyncio
import datetime
import json
import types

from fission.base import clock as clocks
from fission.router import accesslog, failures
from fission_http import head as heads

TARGET = types.SimpleNamespace(namespace="default", name="f")


def written(fill, max_bytes: int = 1 << 20) -> list[dict]:
    """What is written of what `fill` adds."""
    lines: list[bytes] = []

    async def run() -> None:
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.UTC)
        clock = clocks.ManualClock(moment)
        log = accesslog.AccessLog(asyncio.get_running_loop(), clock, lines.append, max_bytes)
        fill(log)
        await log.close(1.0)

    asyncio.run(run())
    return [json.loads(line) for line in b"".join(lines).splitlines()]


def test_what_clients_send_is_quoted():
    head = heads.scan_request(b'GET /a"b\\c?d HTTP/1.1\r\nHost: h\r\n\r\n')

    def fill(log: accesslog.AccessLog) -> None:
        served = accesslog.Served(TARGET, '/a"', 1, 2, None)
        failure = failures.client_disconnect()
        log.add(b"::1", head, b'"quoted" id', 499, 0.25, served, failure)
        log.add(b"", None, b"id", 400, 0.0)

    first, second = written(fill)
    assert first == {
        "time": "2026-01-02T03:04:05.006Z",
        "message": "function access",
        "request_id": '"quoted" id',
        "remote": "::1",
        "status": 499,
        "latency_seconds": 0.25,
        "method": "GET",
        "host": "h",
        "url": '/a"b\\c?d',
        "namespace": "default",
        "function": "f",
        "route": '/a"',
        "bytes_in": 1,
        "bytes_out": 2,
        "component": "router",
        "reason": "client_disconnect",
    }
    assert set(second) == {"time", "message", "request_id", "remote", "status", "latency_seconds"}


def test_what_does_not_fit_is_counted_and_told():
    def fill(log: accesslog.AccessLog) -> None:
        for _ in range(100):
            log.add(b"", None, b"id", 200, 0.0)

    lines = written(fill, max_bytes=1000)
    assert 1 < len(lines) < 20
    last = lines.pop()
    assert last["message"] == "lines of the access log were dropped"
    assert last["count"] + len(lines) == 100
