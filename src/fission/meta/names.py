"""Names of objects: what is a valid one, and how ``generateName`` makes them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fission.base import ids

GENERATED_SUFFIX_LENGTH = 5
MAX_GENERATED_BASE = 63 - GENERATED_SUFFIX_LENGTH
"""``generateName`` is cut so that the result still fits a DNS label."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035_MESSAGE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def subdomain_problems(name: str) -> list[str]:
    """What keeps ``name`` from being a DNS subdomain, in Kubernetes' words; empty when valid."""
    problems = []
    if len(name) > 253:
        problems.append("must be no more than 253 characters")
    if not _SUBDOMAIN.fullmatch(name):
        problems.append(SUBDOMAIN_MESSAGE)
    return problems


def label_problems(name: str) -> list[str]:
    """The same for an RFC 1123 label (namespaces, containers)."""
    problems = []
    if len(name) > 63:
        problems.append("must be no more than 63 characters")
    if not _LABEL.fullmatch(name):
        problems.append(LABEL_MESSAGE)
    return problems


def label_1035_problems(name: str) -> list[str]:
    """The same for a DNS-1035 label (Services)."""
    problems = []
    if len(name) > 63:
        problems.append("must be no more than 63 characters")
    if not _LABEL_1035.fullmatch(name):
        problems.append(LABEL_1035_MESSAGE)
    return problems


def path_segment_problems(name: str) -> list[str]:
    """The rule of kinds whose names are free (RBAC): usable as one path segment."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{mark}'" for mark in ("/", "%") if mark in name]


def generate(base: str, suffix: Callable[[int], str] = ids.short_id) -> str:
    """``generateName`` + five characters."""
    return base[:MAX_GENERATED_BASE] + suffix(GENERATED_SUFFIX_LENGTH)
