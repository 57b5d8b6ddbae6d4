"""Writes of a Package's status. Every field is named, so that an emptied one is emptied there."""

from __future__ import annotations

from typing import Any

from fission.api import objects, package_types, resources
from fission.kube import client as kube_client

Obj = dict[str, Any]


def make_patch(package: package_types.Package) -> Obj:
    """The merge patch that makes the status what it is here, if nothing changed since."""
    status = package.status
    return {
        "metadata": {"resourceVersion": package.metadata.resource_version},
        "status": {
            "buildstatus": status.build_status,
            "buildlog": status.build_log,
            "contentHash": status.content_hash,
            "lastUpdateTimestamp": status.last_update_timestamp,
            "conditions": status.conditions,
        },
    }


async def write(
    client: kube_client.Client, package: package_types.Package
) -> package_types.Package:
    """Write the status; raises Conflict when the package is another by now."""
    written = await client.patch(
        resources.PACKAGES,
        package.metadata.name,
        make_patch(package),
        package.metadata.namespace,
        subresource="status",
    )
    return objects.decode(package_types.Package, written)


async def write_log(client: kube_client.Client, package: package_types.Package, log: str) -> None:
    """Write a log that grew, whatever else has happened to the package."""
    await client.patch(
        resources.PACKAGES,
        package.metadata.name,
        {"status": {"buildlog": log}},
        package.metadata.namespace,
        subresource="status",
    )
