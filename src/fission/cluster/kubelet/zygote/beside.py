"""A program that is run in a container beside its own: for probes and hooks that execute one.

A fork of the spawner goes where the container is and forks again; it waits for that process, ends
it when its time is up, and says on a pipe with which code it ended. Its output goes nowhere.
"""

import contextlib
import fcntl
import json
import os
import signal
from dataclasses import dataclass, replace
from typing import NoReturn

from fission.cluster.kubelet.sandbox import enter, kernel
from fission.cluster.kubelet.zygote import child, messages

CANNOT_RUN = 126
"""As shells say it: the program could not be started."""


@dataclass(frozen=True)
class Order:
    """What to run, and where."""

    spec: messages.ContainerSpec
    """Of the container."""
    preparation: enter.Preparation
    member: int
    """The container's first process, as the spawner counts."""
    argv: list[str]
    timeout_seconds: float
    answer: int
    """The write end of the pipe for the code."""


def run(order: Order) -> NoReturn:
    """In a fork of the spawner; never returns."""
    answer = order.answer
    try:
        child.reset_signals()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        answer = _arrange_descriptors(order.answer)
        enter.join(order.preparation, order.spec.confinement, order.member)
        pid = os.fork()
        if pid == 0:
            _become_program(order)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, order.timeout_seconds)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        os.write(answer, json.dumps({"code": code if code >= 0 else 128 - code}).encode())
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(answer, json.dumps({"error": str(error)}).encode())
    finally:
        os._exit(0)


def _arrange_descriptors(answer: int) -> int:
    """Standard streams lead nowhere, 3 is the pipe, and nothing else is open."""
    kept = fcntl.fcntl(answer, fcntl.F_DUPFD_CLOEXEC, 16)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.dup2(kept, 3, inheritable=False)
    kernel.close_from(4)
    return 3


def _become_program(order: Order) -> NoReturn:
    try:
        spec = replace(order.spec, socket_names=(), extra_fd_names=())
        enter.follow(order.preparation, spec.confinement)
        environment = child.make_environment(spec, os.getpid())
        child.change_directory(spec, order.preparation)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(order.argv[0], order.argv, environment)
    finally:
        os._exit(CANNOT_RUN)
