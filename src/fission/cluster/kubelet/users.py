"""Which user a confined pod runs as where the kubelet is root. Pure.

Each pod is a user of its own, by its address. Pods that mount one persistent volume claim are one
user, the claim's: they share its files, and what one has written the next can change, as on a
cluster whose volumes have a group.
"""

from __future__ import annotations

import zlib
from typing import Any

Obj = dict[str, Any]

FIRST_OF_PODS = 1_000_000_000
"""Far above the users of any machine; a pod's is this plus the lower bytes of its address."""
FIRST_OF_CLAIMS = 1_100_000_000


def of_address(ip: str) -> int:
    _, second, third, fourth = (int(part) for part in ip.split("."))
    return FIRST_OF_PODS + (second << 16) + (third << 8) + fourth


def of_claim(namespace: str, name: str) -> int:
    return FIRST_OF_CLAIMS + (zlib.crc32(f"{namespace}/{name}".encode()) & 0xFFFFFF)


def of_pod(pod: Obj, ip: str) -> int:
    """The user of a pod: that of the first claim among its volumes, else its own."""
    for volume in pod["spec"].get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim:
            return of_claim(pod["metadata"]["namespace"], claim["claimName"])
    return of_address(ip)
