"""What a function says piece by piece, through the platform: events and WebSockets."""

from __future__ import annotations

import http.client
import pathlib
import shutil
import time
import urllib.parse

import pytest

from tests.e2e import platform as platforms
from tests.support import wsclient

EVENTS = """
import time
from flask import Response

def main():
    def events():
        for number in range(3):
            yield f"data: {number}\\n\\n"
            time.sleep(0.3)
    return Response(events(), content_type="text/event-stream")
"""
ECHO = """
module.exports = (socket) => socket.on("message", (text) => socket.send(`you said ${text}`));
"""


def test_events_arrive_while_the_function_still_runs(
    platform: platforms.Platform, tmp_path: pathlib.Path
) -> None:
    code = tmp_path / "events.py"
    code.write_text(EVENTS)
    environment = ("env", "create", "--name", "streams", "--image", "fission/python-env")
    platform.fission(*environment, "--poolsize", "1")
    platform.fission("fn", "create", "--name", "sse", "--env", "streams", "--code", str(code))
    route = ("route", "create", "--name", "sse", "--url", "/events", "--function", "sse")
    platform.fission(*route, "--method", "GET")
    platform.fission("route", "wait", "--name", "sse", "--for", "condition=Ready")
    netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
    connection = http.client.HTTPConnection(netloc, timeout=20)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    came = []
    for number in range(3):
        assert answer.readline() == b"data: %d\n" % number
        assert answer.readline() == b"\n"
        came.append(time.monotonic())
    assert answer.read() == b""
    assert came[2] - came[0] > 0.4
    connection.close()


def test_a_websocket_reaches_its_function(
    platform: platforms.Platform, tmp_path: pathlib.Path
) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    code = tmp_path / "echo.js"
    code.write_text(ECHO)
    environment = ("env", "create", "--name", "sockets", "--image", "fission/node-env")
    platform.fission(*environment, "--poolsize", "1")
    platform.fission("fn", "create", "--name", "talk", "--env", "sockets", "--code", str(code))
    route = ("route", "create", "--name", "talk", "--url", "/talk", "--function", "talk")
    platform.fission(*route, "--method", "GET")
    platform.fission("route", "wait", "--name", "talk", "--for", "condition=Ready")
    parts = urllib.parse.urlsplit(platform.status()["router"])
    client = wsclient.Client((str(parts.hostname), int(parts.port or 80)), "/talk")
    for word in (b"one", b"two"):
        client.send(wsclient.TEXT, word)
        assert client.receive() == (wsclient.TEXT, b"you said " + word)
    client.send(wsclient.CLOSE, b"\x03\xe8")
    assert client.receive()[0] == wsclient.CLOSE
    client.close()
