"""Carrying out actions: the only writes of a reconciler.

A conflict stops the rest and asks for a requeue: what was planned from is no longer so. An object
to be deleted that has gone, and one to be deleted whose name another has taken, are done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from fission.kube import actions as actions_module
from fission.kube import client as client_module
from fission.kube import reconcile
from fission.meta import status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]


async def apply(
    client: client_module.Client,
    actions: Iterable[actions_module.Action],
    *,
    field_manager: str | None = None,
) -> reconcile.Result:
    """Carry the actions out in order; ``AGAIN`` when one of them met a newer world."""
    for action in actions:
        try:
            await apply_one(client, action, field_manager=field_manager)
        except (status.Conflict, status.AlreadyExists, status.NotFound) as error:
            logger.debug("write met a newer world: %s", error)
            return reconcile.AGAIN
    return reconcile.DONE


async def apply_together(
    client: client_module.Client,
    actions: Iterable[actions_module.Action],
    *,
    field_manager: str | None = None,
) -> list[Obj | BaseException | None]:
    """Carry independent actions out at the same time; an outcome or its error for each."""
    calls = (apply_one(client, action, field_manager=field_manager) for action in actions)
    return await asyncio.gather(*calls, return_exceptions=True)


async def apply_one(
    client: client_module.Client,
    action: actions_module.Action,
    *,
    field_manager: str | None = None,
) -> Obj | None:
    """Carry out one action and return the object written; None where it was gone."""
    match action:
        case actions_module.Create():
            name = action.obj["metadata"]["name"] if action.subresource else None
            return await client.create(
                action.resource,
                action.obj,
                name=name,
                subresource=action.subresource,
                field_manager=field_manager,
            )
        case actions_module.Update():
            return await client.replace(action.resource, action.obj, field_manager=field_manager)
        case actions_module.UpdateStatus():
            return await client.replace_status(
                action.resource, action.obj, field_manager=field_manager
            )
        case actions_module.Patch():
            return await client.patch(
                action.resource,
                action.name,
                action.patch,
                action.namespace,
                kind=action.kind,
                subresource=action.subresource,
                field_manager=field_manager,
            )
        case actions_module.Delete():
            return await _delete(client, action)


async def _delete(client: client_module.Client, action: actions_module.Delete) -> Obj | None:
    try:
        return await client.delete(
            action.resource,
            action.name,
            action.namespace,
            grace_period_seconds=action.grace_period_seconds,
            propagation=action.propagation,
            precondition_uid=action.uid,
            precondition_resource_version=action.resource_version,
        )
    except status.NotFound:
        return None
    except status.Conflict:
        if action.resource_version is not None:
            raise
        return None
