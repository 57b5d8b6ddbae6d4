"""Ids of archives: ``<prefix><uuid>``, of a tenant ``<prefix>_tenant_/<namespace>/<uuid>``. Pure.

The form is Fission's and one for every backend; only the prefix differs. To everybody else an id
is opaque, and any text that is not one of ours is unknown here, so that nothing a client sends
ever becomes a path or a key.
"""

from __future__ import annotations

import re

from fission.base import errors
from fission.storagesvc import objectstore

_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TENANTS = "_tenant_"


class Names:
    """The ids below one prefix, which ends in a slash."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def make(self, name: str, tenant: str) -> str:
        """The id of an archive of that UUID; raises InvalidInput for what is no namespace."""
        if not tenant:
            return self.prefix + name
        if not _NAMESPACE.fullmatch(tenant):
            raise errors.InvalidInput(f"namespace {tenant[:80]!r} is not a DNS label")
        return f"{self.prefix}{_TENANTS}/{tenant}/{name}"

    def split(self, archive_id: str) -> tuple[str, str]:
        """Tenant (empty for none) and UUID of an id; raises UnknownArchive."""
        if archive_id.startswith(self.prefix):
            parts = archive_id.removeprefix(self.prefix).split("/")
            if _NAME.fullmatch(parts[-1]):
                if len(parts) == 1:
                    return "", parts[0]
                if len(parts) == 3 and parts[0] == _TENANTS and _NAMESPACE.fullmatch(parts[1]):
                    return parts[1], parts[2]
        raise objectstore.unknown(archive_id)

    def is_id(self, text: str) -> bool:
        """Whether a text has the form of an id."""
        try:
            self.split(text)
        except objectstore.UnknownArchive:
            return False
        return True
