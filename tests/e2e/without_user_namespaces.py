"""Runs a command on a machine that refuses user namespaces, as many containers and Ubuntu do.

A system call filter answers EPERM to ``unshare`` and ``clone`` with CLONE_NEWUSER and ENOSYS to
``clone3``; it is inherited by everything that the command starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

CLONE_NEWUSER = 0x10000000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_NUMBERS = {"x86_64": (272, 56, 435), "aarch64": (97, 220, 435)}
"""unshare, clone, clone3."""

_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def refuse() -> None:
    """Install the filter in this process."""
    unshare, clone, clone3 = _NUMBERS[os.uname().machine]
    program = [
        (_LOAD, 0, 0, 0),  # the call's number
        (_JUMP_EQUAL, 6, 0, clone3),
        (_JUMP_EQUAL, 1, 0, unshare),
        (_JUMP_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, 16),  # the low half of the first argument: flags in both
        (_JUMP_SET, 0, 1, CLONE_NEWUSER),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    code = b"".join(struct.pack("HBBI", op, yes, no, value) for op, yes, no, value in program)
    buffer = ctypes.create_string_buffer(code)
    packed = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(packed)
    ):
        raise OSError(ctypes.get_errno(), "the filter could not be installed")


if __name__ == "__main__":
    refuse()
    os.execvp(sys.argv[1], sys.argv[1:])
