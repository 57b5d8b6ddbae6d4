"""Short stable names from content, in the alphabet of generated names. Pure."""

from __future__ import annotations

import hashlib

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' safe alphabet: no vowels, so no words; nothing that reads as another."""


def short(content: str, length: int) -> str:
    """``length`` characters that depend on all of ``content``."""
    number = int.from_bytes(hashlib.sha256(content.encode()).digest())
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[index])
    return "".join(characters)
