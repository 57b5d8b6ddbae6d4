"""Identifiers: unique ones for objects and requests, short ones for names."""

from __future__ import annotations

import os
from collections.abc import Callable

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters that Kubernetes draws name suffixes from: no vowels, so no words appear."""

_FIXED_BITS = (0xF << 76) | (0x3 << 62)
_VERSION_4 = (0x4 << 76) | (0x2 << 62)
"""Version and variant of a random UUID; importing ``uuid`` costs more than a command may."""

IdSource = Callable[[], str]
"""Anything that returns a fresh unique id; a constructor takes one so that tests can fix it."""


def new_uid() -> str:
    """Return a random UUID, the form of ``metadata.uid`` and of request ids."""
    number = int.from_bytes(os.urandom(16), "big")
    number = number & ~_FIXED_BITS | _VERSION_4
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def short_id(length: int = 5) -> str:
    """Return a random suffix that is valid inside a Kubernetes name."""
    return "".join(
        NAME_ALPHABET[int.from_bytes(os.urandom(8), "big") % len(NAME_ALPHABET)]
        for _ in range(length)
    )
