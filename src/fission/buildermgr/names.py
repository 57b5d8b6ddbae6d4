"""Every derived name and hash in one place. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from fission.base import errors

MAX_NAME: Final = 63
ACCOUNT: Final = "fission-builder"
"""ServiceAccount, RoleBinding and ClusterRole of builder pods."""
DOWNLOADS: Final = "fission-build-downloads"
"""Claim with the download cache of a namespace's builders."""
SOURCE_SUFFIX: Final = 6
STEM_DIGITS: Final = 8
"""Not as long as a suffix, so that no package's stem is another one's file name."""
_SERVICE_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def builder_name(environment: str, resource_version: str) -> str:
    """The Deployment and Service of a builder; raises InvalidInput where there can be none."""
    name = f"{environment}-{resource_version}"
    if len(name) > MAX_NAME or not _SERVICE_NAME.fullmatch(name):
        raise errors.InvalidInput(
            f"environment {environment!r} can have no builder: its Service would be named {name!r},"
            f" and such names have at most {MAX_NAME} of a-z, 0-9 and - and begin with a letter"
        )
    return name


def cache_name(environment: str) -> str:
    """The ConfigMap with an environment's build cache."""
    return f"fission-build-cache-{environment}"


def source_stem(package: str, uid: str) -> str:
    """What the names of a package's sources in the builder's directory begin with."""
    return f"{package[:200]}-{hashlib.sha256(uid.encode()).hexdigest()[:STEM_DIGITS]}"


def source_filename(package: str, uid: str, suffix: str) -> str:
    """Name of a source in the builder's directory."""
    return f"{source_stem(package, uid)}-{suffix}"


def content_hash(value: Any) -> str:
    """A short hash of JSON data; key order does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
