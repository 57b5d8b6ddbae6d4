"""Where the router's internal listener is."""

from __future__ import annotations

from fission.contracts import invocation
from fission.delivery import finders
from fission.kube import peers


def make(url: str, resolved: peers.Peers, platform_namespace: str) -> finders.Finder:
    """The URL of the settings where there is one, else the Service ``router-internal``."""
    if url:
        return finders.Fixed(url)
    return finders.Resolved(
        resolved,
        platform_namespace,
        invocation.INTERNAL_SERVICE,
        invocation.INTERNAL_SOCKET_NAME,
    )
