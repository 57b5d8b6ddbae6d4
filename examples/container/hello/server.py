"""A web server that knows nothing of Fission: it says who asked for what, and its greeting."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORKERS = 64
"""Answers at a time."""


class Handler(BaseHTTPRequestHandler):
    """Answers every path; /env/NAME with the value of a variable."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    working = threading.Semaphore(WORKERS)

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def answer(self, body: bytes) -> None:
        with self.working:
            self.say(body)

    def say(self, body: bytes) -> None:
        text = os.environ.get("GREETING", "hello")
        if self.path.startswith("/env/"):
            text = os.environ.get(self.path.removeprefix("/env/"), "")
        answer = {
            "greeting": text,
            "method": self.command,
            "path": self.path,
            "body": body.decode("utf-8", "replace"),
            "pid": os.getpid(),
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8888")))
    server = ThreadingHTTPServer(address, Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {address[0]}:{address[1]}")
    server.serve_forever()
    for _ in range(WORKERS):  # what was begun is answered before the end
        Handler.working.acquire()


if __name__ == "__main__":
    main()
