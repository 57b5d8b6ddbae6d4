"""Entries and preloads of an image whose containers the tests start."""

import json
import os
import random
import signal
import socket
import sys
import time


def echo(argv: list[str]) -> int:
    """Answer upper-cased on the first handed socket; ``bye`` ends with the last argument's code."""
    print("out", *argv, flush=True)
    print("err", file=sys.stderr)
    listening = socket.socket(fileno=3)
    while True:
        connection, _ = listening.accept()
        with connection:
            said = connection.recv(100)
            connection.sendall(said.upper())
            if said == b"bye":
                return int(argv[-1])


def report(argv: list[str]) -> int:
    """Print what a container finds."""
    descriptors = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
            descriptors.append(int(name))
        except OSError:
            continue
    found = {
        "argv": argv,
        "sys_argv": sys.argv,
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "descriptors": sorted(descriptors),
        "random": random.random(),
        "group_leader": os.getsid(0) == os.getpid(),
        "stdin": os.read(0, 1).decode(),
    }
    print(json.dumps(found))
    return 0


def fail(argv: list[str]) -> int:
    raise ValueError("on purpose")


def leave(argv: list[str]) -> int:
    sys.exit(int(argv[0]))


def wait(argv: list[str]) -> int:
    print("waiting", flush=True)
    signal.pause()
    return 0


def print_much(argv: list[str]) -> int:
    for number in range(int(argv[0])):
        print(f"line {number}")
    return 0


def grow(argv: list[str]) -> int:
    held = []
    while True:
        held.append(bytearray(8 << 20))
        held[-1][::4096] = b"x" * 2048
        time.sleep(0)


def listen_and_connect(argv: list[str]) -> int:
    """Listen on a port of the range ``first-last`` and on none below it, and call oneself."""
    first, last = (int(word) for word in argv)
    for port in range(first, last + 1):
        with socket.socket() as server, socket.socket() as client:
            try:
                server.bind(("127.4.4.4", port))
                server.listen()
                client.connect(("127.4.4.4", port))
            except PermissionError:
                print("refused")
                return 0
            except OSError:
                continue
            print("connected")
            return 0
    return 1
