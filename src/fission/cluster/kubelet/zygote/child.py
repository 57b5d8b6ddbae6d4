"""What a forked child does between the fork and its program: become the container.

Order matters and is told in ``run``: standard streams and handed-over descriptors first, then every
other descriptor is closed, then the sandbox closes behind it, and only then does the container's
own code run. Nothing here returns into the spawner's frames: the child ends by ``os._exit``.
"""

import atexit
import contextlib
import fcntl
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import NoReturn

from fission.cluster.kubelet.sandbox import enter, kernel
from fission.cluster.kubelet.zygote import messages, preload, relay

FIRST_HANDED_DESCRIPTOR = 3
"""Where systemd's socket activation protocol begins."""
SETUP_FAILED = 125
"""Exit code of a child that never became its container; the words go through the status pipe."""


@dataclass(frozen=True)
class Birth:
    """What the spawner hands to one child."""

    spec: messages.ContainerSpec
    preparation: enter.Preparation
    stdout: int
    stderr: int
    status: int
    handed: tuple[int, ...]
    """The sockets, then the extra descriptors."""
    spawner_pid: int


def run(birth: Birth) -> NoReturn:
    """Become the container and never return."""
    code = SETUP_FAILED
    status = birth.status
    try:
        reset_signals()
        status = arrange_descriptors(birth)
        notes = enter.enter(birth.preparation, birth.spec.confinement, birth.spawner_pid)
        environment = make_environment(birth.spec, os.getpid())
        change_directory(birth.spec, birth.preparation)
        os.write(status, json.dumps({"ok": list(notes)}).encode() + b"\n")
        if birth.spec.entry is None:
            execute(birth.spec, environment)
        preload.after_fork()
        replace_environment(environment)
        os.close(status)
        status = -1
        code = call_entry(birth.spec.entry, birth.spec.argv)
    except BaseException as error:
        if status < 0:
            traceback.print_exc()
        else:
            report_failure(status, error)
    finally:
        os._exit(code)


def reset_signals() -> None:
    """Give every signal that the spawner handles its usual meaning again."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def arrange_descriptors(birth: Birth) -> int:
    """Put handed descriptors from 3 on, close all that was not handed; return the status pipe's."""
    count = len(birth.handed)
    end = FIRST_HANDED_DESCRIPTOR + count
    high = end + 64
    given = (birth.stdout, birth.stderr, *birth.handed, birth.status)
    stdout, stderr, *handed = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, high) for fd in given]
    status = handed.pop()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for position, descriptor in enumerate(handed):
        os.dup2(descriptor, FIRST_HANDED_DESCRIPTOR + position)
    os.dup2(status, end, inheritable=False)
    kernel.close_from(end + 1)
    return end


def make_environment(spec: messages.ContainerSpec, pid: int) -> dict[str, str]:
    """The spec's environment with the words that announce its descriptors."""
    environment = dict(spec.env)
    if spec.socket_names and not spec.relay_ports:
        environment["LISTEN_FDS"] = str(len(spec.socket_names))
        environment["LISTEN_FDNAMES"] = ":".join(spec.socket_names)
        environment["LISTEN_PID"] = str(pid)
    for position, name in enumerate(spec.extra_fd_names):
        environment[name] = str(FIRST_HANDED_DESCRIPTOR + len(spec.socket_names) + position)
    if spec.confinement.mode != "full":
        for mount in spec.mounts:
            if mount.mount_path == "/tmp":
                environment.setdefault("TMPDIR", mount.host_path)
    if isinstance(spec.confinement.outbound, tuple):
        environment.setdefault("RES_OPTIONS", "use-vc")  # names over TCP: UDP is refused
    return environment


def change_directory(spec: messages.ContainerSpec, preparation: enter.Preparation) -> None:
    """Into the working directory; a path inside a volume is found where the volume really is."""
    target = spec.cwd or "/"
    if preparation.template is None:
        for mount in spec.mounts:
            if target == mount.mount_path or target.startswith(mount.mount_path.rstrip("/") + "/"):
                target = mount.host_path + target[len(mount.mount_path.rstrip("/")) :]
                break
    try:
        os.chdir(target)
    except OSError as error:
        raise OSError(error.errno, f"working directory {spec.cwd}: {error.strerror}") from error


def replace_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def execute(spec: messages.ContainerSpec, environment: dict[str, str]) -> NoReturn:
    """Replace this process by the program, or become the init or the relay above it."""
    if spec.relay_ports:
        count = len(spec.socket_names)
        pid = os.fork()
        if pid:
            os.closerange(FIRST_HANDED_DESCRIPTOR + count, FIRST_HANDED_DESCRIPTOR + count + 8)
            sockets = range(FIRST_HANDED_DESCRIPTOR, FIRST_HANDED_DESCRIPTOR + count)
            os._exit(relay.run(pid, sockets, spec.relay_ports, spec.relay_hosts))
        os.closerange(FIRST_HANDED_DESCRIPTOR, FIRST_HANDED_DESCRIPTOR + count)
    elif spec.init:
        pid = os.fork()
        if pid:
            os.closerange(0, FIRST_HANDED_DESCRIPTOR + len(spec.socket_names) + 8)
            os._exit(watch_as_init(pid))
        if "LISTEN_PID" in environment:
            environment["LISTEN_PID"] = str(os.getpid())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
    try:
        os.execvpe(spec.argv[0], spec.argv, environment)
    except OSError as error:
        raise OSError(error.errno, f"execute {spec.argv[0]}: {error.strerror}") from error


def watch_as_init(program: int) -> int:
    """Reap everything, pass signals on to the program, and end with its status."""

    def forward(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(program, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, forward)
    while True:
        pid, status = os.wait()
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def call_entry(entry: str, argv: list[str]) -> int:
    """Run ``module:function`` to its end; its value is the exit code, an exception is 1."""
    sys.argv = list(argv) or [entry]
    if os.getpid() == 1:
        # The first process of a pid namespace is deaf to signals it does not handle.
        handle_termination()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        importlib.invalidate_caches()
        result = preload.find_entry(entry)(argv)
        code = result if isinstance(result, int) else 0
    except SystemExit as error:
        code = exit_code(error)
    except BaseException:
        traceback.print_exc()
        code = 1
    for finish in (atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        with contextlib.suppress(Exception):
            finish()
    return code & 0xFF


def handle_termination() -> None:
    """End on SIGTERM; processes that are forked from this one have the usual handling.

    With a handler, Python forgets a signal that comes right after a fork: a pool that is closed at
    once would wait for its worker for ever. So the signal is held back until the usual handling is
    in place.
    """
    masks: dict[int, set[int]] = {}

    def end(_number: int, _frame: object) -> None:
        os._exit(128 + signal.SIGTERM)

    def hold() -> None:
        masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def release() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop(threading.get_ident()))

    def release_child() -> None:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        release()

    signal.signal(signal.SIGTERM, end)
    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=release_child)


def exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1


def report_failure(status: int, error: BaseException) -> None:
    text = str(error) or type(error).__name__
    if not isinstance(error, OSError):
        text = f"{type(error).__name__}: {text}"
    with contextlib.suppress(OSError):
        os.write(status, json.dumps({"error": text}).encode() + b"\n")
