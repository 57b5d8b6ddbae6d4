"""A function that tells this process of every event before it answers; the events, in that order.

What the function was called with outlives its pod here, and an answer 200 means that it is known.
"""

from __future__ import annotations

import collections
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_SOURCE = """
import http.client, json
from flask import request

SOURCES = ("x-fission-timer-", "x-fission-mqtrigger-", "x-kubernetes-")

def main():
    body = request.get_data(as_text=True)
    headers = {{name.lower(): value for name, value in request.headers.items()}}
    if not any(name.startswith(SOURCES) for name in headers):
        return "not an event"
    connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=10)
    connection.request("POST", "/", json.dumps({{"headers": headers, "body": body}}))
    assert connection.getresponse().status == 200
    connection.close()
    return body
"""


@dataclass(frozen=True)
class Change:
    """What a watch told."""

    type: str
    object: dict[str, Any]
    request_id: str


@dataclass
class Recorder:
    """What the function was called with, in order."""

    ticks: list[str] = field(default_factory=list)
    """The instants that it was called for."""
    messages: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: collections.defaultdict(list)
    )
    """Topic → bodies of its messages, which are JSON objects."""
    changes: list[Change] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Recorder]:
        note = self._note

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                note(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """The function was killed while it told us."""

        with Server(("127.0.0.1", 0), Handler) as server:
            self._port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    @property
    def source(self) -> str:
        """The function, in Python."""
        return _SOURCE.format(port=self._port)

    def _note(self, event: dict[str, Any]) -> None:
        headers: dict[str, str] = event["headers"]
        if due := headers.get("x-fission-timer-scheduled-at"):
            self.ticks.append(due)
        elif topic := headers.get("x-fission-mqtrigger-topic"):
            self.messages[topic].append(json.loads(event["body"]))
        else:
            type_, request_id = headers["x-kubernetes-event-type"], headers["x-fission-request-id"]
            self.changes.append(Change(type_, json.loads(event["body"]), request_id))
