"""A WSGI application that does by path what a test asks for; built into a component."""

import socket
import time

CALLS = []


def app(environ, start_response):
    """Answer by path."""
    CALLS.append(1)
    work = PATHS.get(environ["PATH_INFO"], hello)
    status, headers, body = work(environ)
    start_response(status, [("Content-Type", "application/octet-stream"), *headers])
    return [body]


def hello(environ):
    words = [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]]
    words += [environ.get("HTTP_X_ASKED", "-"), str(len(CALLS))]
    return "200 OK", [], " ".join(words).encode()


def echo(environ):
    return "200 OK", [], environ["wsgi.input"].read()


def status(_):
    return "418 I'm a teapot", [("X-Sample", "yes")], b"teapot"


def printed(_):
    print("printed by the function")
    return "200 OK", [], b""


def error(_):
    raise ValueError("sample failure")


def loop(_):
    while True:
        pass


def sleep(_):
    time.sleep(3600)
    return "200 OK", [], b"slept"


def big(_):
    return "200 OK", [], b"x" * (2 << 20)


def memory(_):
    try:
        return "200 OK", [], str(len(bytearray(1 << 30))).encode()
    except MemoryError:
        return "200 OK", [], b"no memory"


def files(_):
    return "200 OK", [], attempt(lambda: open("/etc/passwd").read())


def network(environ):
    port = int(environ["wsgi.input"].read())
    return "200 OK", [], attempt(lambda: socket.socket().connect(("127.0.0.1", port)))


def attempt(work):
    try:
        work()
    except OSError as error:
        return f"OSError {error}".encode()
    return b"done"


PATHS = {
    f"/{work.__name__}": work
    for work in (echo, status, printed, error, loop, sleep, big, memory, files, network)
}
