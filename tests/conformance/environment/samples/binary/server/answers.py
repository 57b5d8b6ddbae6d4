"""A server on sockets that speaks HTTP and, on /websocket, echoes WebSocket messages."""

import base64
import hashlib
import http.server
import os
import signal
import sys
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        body = self.read_body()
        name = self.path.partition("?")[0].strip("/")
        if name == "websocket" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo_messages()
        elif name == "stream":
            self.stream(body)
        elif name == "status":
            self.send(418, b"teapot", {"X-Sample": "yes", "Content-Type": "text/x-sample"})
        elif name == "error":
            print("sample failure", file=sys.stderr, flush=True)
            self.send(500, b"it failed")
        else:
            self.send(200, ANSWERS.get(name, hello)(self, body))

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/octet-stream"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\none\n\r\n")
        time.sleep(int(body) / 1000)
        self.wfile.write(b"4\r\ntwo\n\r\n0\r\n\r\n")

    def echo_messages(self):
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            mask, data = self.rfile.read(4), self.rfile.read(head[1] & 0x7F)
            data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
            self.wfile.write(bytes([head[0], len(data)]) + data)
            if head[0] & 0xF == 8:
                return

    def log_message(self, *words):
        """Requests are not logged."""


def hello(request, body):
    return b"hello"


def echo(request, body):
    return body


def describe(request, body):
    lines = [f"{request.command} {request.path}"]
    lines += [f"{name.lower()}: {value}" for name, value in request.headers.items()]
    return "".join(f"{line}\n" for line in lines).encode()


def empty(request, body):
    return b""


def big(request, body):
    return b"x" * 1048576


def slow(request, body):
    sys.stderr.write("started\n")  # in one piece: calls run at the same time
    time.sleep(int(body) / 1000)
    return b"slept"


def env(request, body):
    return os.environ.get(body.decode(), "").encode()


def log(request, body):
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    return b"logged"


ANSWERS = {
    "echo": echo, "request": describe, "empty": empty, "big": big, "slow": slow, "env": env,
    "log": log,
}  # fmt: skip


def serve(host, port):
    server = http.server.ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()
