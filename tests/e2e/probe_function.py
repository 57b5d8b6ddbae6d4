"""A hostile function: tries what the request's body lists and answers what happened.

The body is a JSON object, name of a try → [what, argument…]; so is the answer, name → outcome:
``done …``, ``refused …`` (the kernel said no) or ``broken …`` (the try itself is wrong).
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request

import flask

TRIES = {}
LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 3.0


class Refused(Exception):
    """The attack did not have its effect."""


def main():
    outcome = {}
    for name, (what, *arguments) in flask.request.get_json(force=True).items():
        try:
            outcome[name] = f"done {TRIES[what](*arguments)!r}"
        except (OSError, MemoryError, Refused) as error:
            outcome[name] = f"refused {type(error).__name__}: {error}"
        except Exception as error:
            outcome[name] = f"broken {type(error).__name__}: {error}"
    return json.dumps(outcome)


def a_try(function):
    TRIES[function.__name__] = function
    return function


def call(name, *arguments):
    """Call into the C library; a number stands for a system call without a wrapper."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if isinstance(name, int):
        result = LIBC.syscall(ctypes.c_long(name), *words)
    else:
        result = getattr(LIBC, name)(*words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def place(path):
    """Where a declared path really is."""
    table = json.loads(os.environ.get("POD_VOLUME_PATHS") or "{}")
    return table.get(path, path)


# files


@a_try
def read(path):
    with open(path, "rb") as file:
        file.read(1)


@a_try
def enumerate_folder(path):
    return os.listdir(path)


@a_try
def write(path):
    with open(path, "a") as file:
        file.write("planted")


@a_try
def remove(path):
    os.unlink(path)


@a_try
def make_public(path):
    os.chmod(path, 0o644)


@a_try
def fill(path, mebibytes):
    """Write that much; the file is gone afterwards."""
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(mebibytes):
                file.write(bytes(1024 * 1024))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


@a_try
def search(starts, needles, own_folders=True):
    """Which visible files and variables hold one of the texts, and how many were read.

    A pod's own folders are looked into as well, unless they are those of the whole machine.
    """
    own = tuple({sys.prefix, sys.base_prefix, *(path for path in sys.path if path)})
    skipped = ("/usr", "/proc", "/sys", "/lib", "/lib64", "/etc/ssl", *own)
    wanted = [needle.encode() for needle in needles]
    found, count = [], 0
    places = [*starts, *(map(place, FOLDERS) if own_folders else ())]
    environments = ["/proc/self/environ", "/proc/1/environ", f"/proc/{os.getppid()}/environ"]
    for path in (*environments, *_files(places, skipped)):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            text = file.read(1 << 20)
            count += 1
            found += [path for needle in wanted if needle in text]
    variables = json.dumps(dict(os.environ)).encode()
    found += ["environ" for needle in wanted if needle in variables]
    return found, count


FOLDERS = ("/userfunc", "/secrets", "/configs", "/etc/podinfo", "/tmp")


def _files(starts, skipped):
    for start in starts:
        for folder, folders, names in os.walk(start):
            folders[:] = [
                name for name in folders if not os.path.join(folder, name).startswith(skipped)
            ]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    yield path


@a_try
def variables():
    return sorted(os.environ)


# network


@a_try
def connect(host, port, protocol=0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, protocol) as client:
        client.settimeout(SECONDS)
        client.connect((host, port))


@a_try
def connect_by_fast_open(host, port):
    with socket.socket() as client:
        client.sendto(b"x", 0x20000000, (host, port))


@a_try
def connect_to_file(path):
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as client:
            try:
                client.connect(path)
            except OSError as error:
                last = error
            else:
                return
    raise last


@a_try
def send_udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.connect((host, port))
        client.send(b"x")
        return client.recv(10).decode()


@a_try
def listen(host, port):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen()


@a_try
def open_socket(family, kind, protocol):
    socket.socket(family, kind, protocol).close()


@a_try
def fetch(url):
    if url.startswith("/"):
        url = os.environ["FISSION_ROUTER_URL"] + url
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


# neighbours


@a_try
def send_signal(pid):
    os.kill(pid, signal.SIGCONT)


@a_try
def send_signal_by_descriptor(pid):
    signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGCONT)


@a_try
def trace(pid):
    call("ptrace", 0x4206, pid, 0, 0)  # PTRACE_SEIZE


@a_try
def read_memory(pid):
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    call("process_vm_readv", pid, vector, 1, vector, 1, 0)


@a_try
def take_descriptor(pid):
    call(438, os.pidfd_open(pid), 0, 0)


@a_try
def limit(pid):
    resource.prlimit(pid, resource.RLIMIT_NOFILE)


@a_try
def slow_down(pid):
    os.setpriority(os.PRIO_PROCESS, pid, 5)


# kernel


@a_try
def mount(path):
    call("mount", b"none", place(path).encode(), b"tmpfs", 0, None)


@a_try
def new_namespace(flag):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if LIBC.unshare(flag) == 0 else 1)
    if _status(pid):
        raise Refused("unshare")


@a_try
def change_root():
    os.chroot("/tmp")


@a_try
def change_user(uid):
    os.setuid(uid)


@a_try
def make_device(path):
    os.mknod(os.path.join(place(path), "null"), 0o020666, os.makedev(1, 3))


@a_try
def call_number(number):
    call(number, 0, 0, 0, 0)


@a_try
def change_personality():
    call("personality", 0x0040000)


@a_try
def privileges():
    with open("/proc/self/status") as file:
        lines = {name: text.strip() for name, _, text in (line.partition(":") for line in file)}
    return {name: int(lines[name], 16) for name in ("CapPrm", "CapEff", "NoNewPrivs", "Seccomp")}


@a_try
def user():
    return os.getuid()


# resources


@a_try
def start_without_end(count):
    """Start that many threads, which count as processes do; Refused says after how many no thread
    and no process could be started.
    """
    over, threads = threading.Event(), []
    try:
        for _ in range(count):
            thread = threading.Thread(target=over.wait, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                break
            threads.append(thread)
        else:
            return
        pid = os.fork()
    except OSError as error:
        raise Refused(f"after {len(threads)}") from error
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if pid == 0:
        os._exit(0)
    _status(pid)


@a_try
def take_memory(mebibytes):
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(MemoryError):
            block = bytearray(mebibytes * 1024 * 1024)
            block[::4096] = b"x" * len(block[::4096])
            os._exit(0)
        os._exit(9)
    if _status(pid):
        raise Refused("the process ended")


@a_try
def burn(seconds):
    """The share of one processor that a busy loop got, in percent."""
    began, used = time.monotonic(), time.thread_time()
    while time.monotonic() - began < seconds:
        pass
    return round(100 * (time.thread_time() - used) / seconds)


def _status(pid):
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return 1


# what must go on working


@a_try
def use_volume(path):
    folder = place(path)
    name = os.path.join(folder, "mine")
    with open(name, "w") as file:
        file.write("x")
    os.rename(name, name + "2")
    os.mkdir(os.path.join(folder, "folder"))
    os.rmdir(os.path.join(folder, "folder"))
    os.unlink(name + "2")


@a_try
def use_temporary_files():
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/x", "w"):
        return folder


@a_try
def use_programs():
    import subprocess

    code = "import json, tempfile; tempfile.TemporaryFile(); print(1)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert subprocess.run(["/bin/echo", "hi"], capture_output=True, check=True).stdout == b"hi\n"


@a_try
def use_threads():
    said = []
    thread = threading.Thread(target=said.append, args=(1,))
    thread.start()
    thread.join()
    assert said == [1]


@a_try
def use_process_pool():
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


@a_try
def end_a_child():
    """A signal to a child is the child's alone."""
    pid = os.fork()
    if pid == 0:
        while True:
            signal.pause()
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@a_try
def use_database():
    import sqlite3

    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(os.path.join(folder, "db"))
        with contextlib.closing(database):
            database.execute("pragma journal_mode=wal")
            database.execute("create table t (x)")
            database.commit()


@a_try
def use_tls():
    import ssl

    assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 0


@a_try
def use_event_loop():
    import asyncio

    async def work():
        process = await asyncio.create_subprocess_exec("/bin/true")
        return await asyncio.to_thread(len, "x") + await process.wait()

    assert asyncio.run(work()) == 1
