"""NATS keys of users: the text form of an Ed25519 seed, its public key, signatures of a nonce.

A text form is base32 of prefix, 32 bytes and a CRC-16; the prefix makes seeds of users begin with
``SU`` and public keys with ``U``. A credentials file holds a JWT and such a seed between marker
lines. Cryptography's work is done by the library of that name.
"""

import base64
import binascii
import re
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from fission.base import errors

SEED, USER = 18 << 3, 20 << 3
SEED_PREFIX: Final = bytes([SEED | USER >> 5, (USER & 31) << 3])
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----\s*(\S+?)\s*-+END ")


class BadKey(errors.InvalidInput):
    """Not a seed of a user, or not a credentials file."""


def seed(raw: bytes) -> str:
    """The text form of a user's 32 secret bytes."""
    return _encode(SEED_PREFIX + raw)


def public(seed_text: str) -> str:
    """The user's public key. Raises ``BadKey``."""
    key = _private(seed_text).public_key()
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return _encode(bytes([USER]) + raw)


def sign(seed_text: str, nonce: str) -> bytes:
    """The signature as NATS wants it in CONNECT. Raises ``BadKey``."""
    return base64.b64encode(_private(seed_text).sign(nonce.encode()))


def credentials(text: str) -> tuple[str, str]:
    """JWT and seed of a credentials file. Raises ``BadKey``."""
    found = {match[1]: match[2] for match in _BLOCK.finditer(text)}
    try:
        return found["NATS USER JWT"], found["USER NKEY SEED"]
    except KeyError as error:
        raise BadKey(
            f"a credentials file has a block {error}, this one has {sorted(found)}"
        ) from None


def _private(seed_text: str) -> ed25519.Ed25519PrivateKey:
    text = seed_text.strip()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise BadKey(f"a seed is base32: {error}") from None
    body, check = raw[:-2], raw[-2:]
    if len(body) != 34 or body[:2] != SEED_PREFIX or _check(body) != check:
        raise BadKey("a user's seed begins with SU and has 58 characters")
    return ed25519.Ed25519PrivateKey.from_private_bytes(body[2:])


def _encode(body: bytes) -> str:
    return base64.b32encode(body + _check(body)).decode().rstrip("=")


def _check(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0).to_bytes(2, "little")
