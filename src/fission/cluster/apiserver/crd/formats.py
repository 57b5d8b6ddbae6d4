"""String formats that Kubernetes checks and JSON Schema's draft 4 does not know.

A format that is not listed, here or there, is documentation and not checked.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import re
from collections.abc import Callable

_DURATION = re.compile(
    r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*"
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_MAC = re.compile(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}")


def is_byte(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_duration(text: str) -> bool:
    """Go's duration syntax, and ``0``."""
    return text == "0" or _DURATION.fullmatch(text) is not None


def is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def is_cidr(text: str) -> bool:
    if "/" not in text:
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def is_mac(text: str) -> bool:
    return _MAC.fullmatch(text) is not None


CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": is_byte,
    "duration": is_duration,
    "date": is_date,
    "cidr": is_cidr,
    "uuid": is_uuid,
    "mac": is_mac,
}

KNOWN = frozenset(
    {*CHECKS, "date-time", "datetime", "email", "hostname", "ipv4", "ipv6", "uri", "regex"}
)
"""Formats of strings that are enforced."""
