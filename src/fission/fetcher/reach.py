"""Where URLs that people write into Packages may lead. Pure.

A fetcher has a better place in the network than the function that it fetches for: on the embedded
node it stands outside of the sandbox. What it fetches becomes code that its owner can read, so a
URL must not lead to what the function itself could not ask: a cloud's metadata service, and other
pods, which on the embedded node have loopback addresses of their own. The address that was really
connected to decides, so neither names nor redirects lead around it.

==========  ==============================================================================
``open``    anywhere
``local``   anywhere but link-local addresses, and of loopback only 127.0.0.1 and ::1
``public``  neither loopback nor link-local nor private networks
==========  ==============================================================================
"""

from __future__ import annotations

import enum
import ipaddress
from typing import Final

from fission.fetcher import errors


class Reach(enum.StrEnum):
    """How far URLs of Packages lead."""

    OPEN = "open"
    LOCAL = "local"
    PUBLIC = "public"


_HERE: Final = frozenset((ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")))


def check(address: str, reach: Reach) -> None:
    """Raise BadRequest for an address that is out of reach."""
    if reach is Reach.OPEN or not address:
        return
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        allowed = False
    elif reach is Reach.PUBLIC:
        allowed = found.is_global
    else:
        allowed = not found.is_loopback or found in _HERE
    if not allowed:
        raise errors.BadRequest(
            f"the archive's URL leads to {address}, which FETCHER_URL_REACH={reach} does not allow"
        )
