"""Runs a command in a process tree to which some system calls answer EPERM or ENOSPC.

``refuse_calls.py CALL[=ERRNO],… COMMAND…`` stands for hosts whose container runtime, sysctl or
security module forbids a step.
"""

import errno
import os
import sys

import seccompy


def main() -> None:
    rules = seccompy.Filter()
    for word in sys.argv[1].split(","):
        name, _, code = word.partition("=")
        rules.errno(name, getattr(errno, code or "EPERM"))
    rules.load()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
