"""Makes, changes and removes what KEDA gets for a trigger."""

from __future__ import annotations

from typing import Any, Final

from fission.base import errors
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.mqtrigger import keda

Obj = dict[str, Any]

FIELD_MANAGER: Final = "fission-mqtrigger"


class NotOurs(errors.Error):
    """An object has the name that the connector needs, and belongs to somebody else."""

    reason = "NameTaken"


class NoImage(errors.Error):
    """The platform was not told which image reads this type of queue."""

    reason = "ConnectorImageMissing"


class Connectors:
    """Writes the objects of KEDA triggers."""

    def __init__(self, client: kube_client.Client, options: keda.Options) -> None:
        self._client = client
        self._options = options

    async def ensure(self, trigger: keda.Trigger, secret: dict[str, bytes] | None) -> None:
        """The objects are as the trigger says. Raises NoImage, NotOurs."""
        queue_type = trigger.spec.message_queue_type
        if not keda.image_of(queue_type, self._options):
            raise NoImage(
                f"no image is known that reads {queue_type}: set"
                f" {keda.image_variable(queue_type)} where mqtrigger runs"
            )
        keys = sorted(secret or ())
        namespace, name = trigger.metadata.namespace, trigger.metadata.name
        if trigger.spec.secret:
            made = keda.trigger_authentication(trigger, keys)
            await self._apply(keda.TRIGGER_AUTHENTICATIONS, made, trigger)
        await self._apply(gvk.DEPLOYMENTS, keda.deployment(trigger, keys, self._options), trigger)
        await self._apply(keda.SCALED_OBJECTS, keda.scaled_object(trigger), trigger)
        if not trigger.spec.secret:
            unused = keda.authentication_name(trigger)
            await self._delete(keda.TRIGGER_AUTHENTICATIONS, namespace, unused, name)

    async def remove(self, namespace: str, name: str) -> None:
        """The trigger is read in another way now. One that was deleted takes its objects along."""
        await self._delete(keda.SCALED_OBJECTS, namespace, name, name)
        await self._delete(gvk.DEPLOYMENTS, namespace, name, name)
        authentication = f"{name}-auth-trigger"
        await self._delete(keda.TRIGGER_AUTHENTICATIONS, namespace, authentication, name)

    async def _apply(self, resource: gvk.Resource, obj: Obj, trigger: keda.Trigger) -> None:
        name, namespace = obj["metadata"]["name"], trigger.metadata.namespace
        try:
            found = await self._client.get(resource, name, namespace)
        except status.NotFound:
            found = None
        if found is not None and not _is_owned(found, trigger.metadata.name):
            raise NotOurs(f"{resource.kind} {namespace}/{name} exists and is not the trigger's")
        await self._client.patch(
            resource,
            name,
            obj,
            namespace,
            kind="apply",
            field_manager=FIELD_MANAGER,
            force=True,
        )

    async def _delete(self, resource: gvk.Resource, namespace: str, name: str, owner: str) -> None:
        try:
            found = await self._client.get(resource, name, namespace)
            if _is_owned(found, owner):
                uid = found["metadata"]["uid"]
                await self._client.delete(resource, name, namespace, precondition_uid=uid)
        except status.NotFound:
            return


def _is_owned(obj: Obj, trigger: str) -> bool:
    return any(
        owner.get("kind") == "MessageQueueTrigger" and owner.get("name") == trigger
        for owner in obj["metadata"].get("ownerReferences") or ()
    )
