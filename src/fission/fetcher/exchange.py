"""Swaps two names in one step, where the system can: ``renameat2`` with ``RENAME_EXCHANGE``.

Python does not offer it. Without it (another libc, a file system that cannot) the caller does it in
two steps. Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any, Final

_EXCHANGE: Final = 2
_CANNOT: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange(first_folder: int, first: str, second_folder: int, second: str) -> bool:
    """Swap two entries of open folders; False where that cannot be done. Raises OSError."""
    call = _renameat2()
    if call is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    if call(first_folder, names[0], second_folder, names[1], _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), second)


@cache
def _renameat2() -> Any:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        text, number = ctypes.c_char_p, ctypes.c_int
        call.argtypes = (number, text, number, text, ctypes.c_uint)
        call.restype = number
    return call
