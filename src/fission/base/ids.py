"""Identifiers: unique ones for objects and requests, short ones for names."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters that Kubernetes draws name suffixes from: no vowels, so no words appear."""

_system_random = random.SystemRandom()

IdSource = Callable[[], str]
"""Anything that returns a fresh unique id; a constructor takes one so that tests can fix it."""


def new_uid() -> str:
    """Return a random UUID, the form of ``metadata.uid`` and of request ids."""
    return str(uuid.UUID(int=_system_random.getrandbits(128), version=4))


def short_id(length: int = 5) -> str:
    """Return a random suffix that is valid inside a Kubernetes name."""
    return "".join(_system_random.choice(NAME_ALPHABET) for _ in range(length))
