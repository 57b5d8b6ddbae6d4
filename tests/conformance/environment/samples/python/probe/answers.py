"""The answers by path."""

import os
import sys
import time

import flask


def hello():
    return "hello"


def echo():
    return flask.Response(flask.request.get_data(), mimetype="application/octet-stream")


def request():
    target = flask.request.full_path.rstrip("?")
    lines = [f"{flask.request.method} {target}"]
    lines += [f"{name.lower()}: {value}" for name, value in flask.request.headers.items()]
    return "".join(f"{line}\n" for line in lines)


def status():
    return "teapot", 418, {"X-Sample": "yes", "Content-Type": "text/x-sample"}


def empty():
    return b""


def error():
    raise ValueError("sample failure")


def big():
    return b"x" * 1048576


def slow():
    sys.stderr.write("started\n")  # in one piece: calls run at the same time
    _wait()
    return "slept"


def stream():
    return flask.Response(flask.stream_with_context(_pieces()))


def env():
    return os.environ.get(flask.request.get_data(as_text=True), "")


def log():
    print("to stdout")
    print("to stderr", file=sys.stderr)
    return "logged"


def _pieces():
    yield "one\n"
    _wait()
    yield "two\n"


def _wait():
    time.sleep(int(flask.request.get_data()) / 1000)


BY_PATH = {
    f"/{answer.__name__}": answer
    for answer in (echo, request, status, empty, error, big, slow, stream, env, log)
}
