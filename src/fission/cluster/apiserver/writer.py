"""Writes at the level of objects: create, update, delete with Kubernetes' semantics.

Everything that decides happens inside the store's ``decide``, upon the newest staged object and
without an await: preconditions, admission, defaults and validation are atomic with the write.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fission.base import clock, ids
from fission.cluster.apiserver import kinds, metadata, options
from fission.cluster.apiserver.policies import definition, judge
from fission.cluster.apiserver.strategies import base
from fission.cluster.storage import records, store
from fission.meta import codec, gvk, names, status

Object = dict[str, Any]
Change = Callable[[Object], Object]
Manage = Callable[[Object, Object | None], None]
"""Brings ``metadata.managedFields`` of the new object up to date with the change."""

NAME_ATTEMPTS = 8
EVERYTHING = "*"
"""As a subresource: spec, metadata and status in one write (the server's own parts)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    value: Object
    created: bool = False
    gone: bool = False


def unmanaged(new: Object, old: Object | None) -> None:
    """Ownership of fields is not tracked for this write: what was there stays."""
    if old is None:
        new["metadata"].pop("managedFields", None)
    elif "managedFields" in old["metadata"]:
        new["metadata"]["managedFields"] = old["metadata"]["managedFields"]


class Writer:
    def __init__(
        self,
        target: store.Store,
        served: kinds.Kinds,
        around: base.Surroundings,
        policies: judge.Policies,
        new_uid: ids.IdSource = ids.new_uid,
    ) -> None:
        self._store = target
        self._kinds = served
        self._around = around
        self._policies = policies
        self._new_uid = new_uid

    # --- create ---

    async def create(
        self,
        kind: kinds.Kind,
        namespace: str,
        obj: Object,
        *,
        dry_run: bool = False,
        manage: Manage = unmanaged,
    ) -> Object:
        """Store a new object (decoded, in its served version); raises ``status`` errors."""
        generated = bool(not (obj.get("metadata") or {}).get("name"))
        for attempt in range(NAME_ATTEMPTS):
            candidate = codec.deep_copy(obj) if generated else obj
            try:
                return await self._create(kind, namespace, candidate, dry_run, manage)
            except status.AlreadyExists:
                if not generated or attempt == NAME_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _create(
        self, kind: kinds.Kind, namespace: str, obj: Object, dry_run: bool, manage: Manage
    ) -> Object:
        prepared = self._prepare_create(kind, namespace, obj, manage)
        key = self._key(kind, namespace, prepared["metadata"]["name"])

        def decide(current: records.Record | None) -> records.Change:
            if current is not None:
                raise status.already_exists(kind.resource, key.name)
            self._check_namespace(kind, namespace, key.name)
            return records.Put(prepared)

        if dry_run:
            decide(self._store.staged(key))
            return prepared
        written = await self._store.write(key, decide, durable=kind.strategy.durable)
        assert written.record is not None
        return written.record.value

    def _prepare_create(
        self, kind: kinds.Kind, namespace: str, obj: Object, manage: Manage
    ) -> Object:
        metadata.check_identity(obj, namespace, "")
        if obj["metadata"].get("resourceVersion"):
            raise status.InternalError("resourceVersion should not be set on objects to be created")
        if kind.to_stored:
            obj = kind.to_stored(obj)
        metadata.generate_name(obj, lambda stem: names.generate(stem, self._around.new_suffix))
        meta, strategy = obj["metadata"], kind.strategy
        self._check_namespace(kind, namespace, meta.get("name") or "")
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            meta.pop(field, None)
        meta["uid"] = self._new_uid()
        meta["creationTimestamp"] = clock.format_rfc3339(self._around.now())
        if strategy.has_generation:
            meta["generation"] = 1
        strategy.prepare_create(obj, self._around)
        strategy.admit(obj, self._around)
        causes = metadata.validate(obj, strategy.name_problems(meta.get("name") or ""))
        self._refuse(kind, obj, causes + strategy.validate(obj, self._around))
        self._judge(kind, "", namespace, obj, None)
        strategy.allocate(obj, None, self._around)
        manage(obj, None)
        return metadata.arrange(obj, self._stored_resource(kind))

    def _check_namespace(self, kind: kinds.Kind, namespace: str, name: str) -> None:
        if not kind.resource.namespaced:
            return
        home = self._store.staged(records.Key(gvk.NAMESPACES.group_resource, "", namespace))
        if home is None:
            raise status.not_found(gvk.NAMESPACES, namespace)
        if home.value["metadata"].get("deletionTimestamp"):
            error = status.forbidden(
                kind.resource,
                name,
                f"unable to create new content in namespace {namespace} because it is being "
                "terminated",
            )
            cause = status.Cause(
                "NamespaceTerminating",
                f"namespace {namespace} is being terminated",
                "metadata.namespace",
            )
            assert error.details is not None
            error.details["causes"] = [cause.to_dict()]
            raise error

    # --- update ---

    async def update(
        self,
        kind: kinds.Kind,
        namespace: str,
        name: str,
        change: Change,
        *,
        subresource: str = "",
        replaces: bool = False,
        absent: Callable[[], Object] | None = None,
        dry_run: bool = False,
        manage: Manage = unmanaged,
    ) -> Outcome:
        """Change an object. ``change`` gets a copy in the served version and returns the new one.

        ``replaces``: the new object is the caller's whole word (PUT), so its resourceVersion and
        uid are preconditions even where a patch would be told that they are immutable.
        ``absent`` makes the object to create when there is none.
        """
        key = self._key(kind, namespace, name)
        created = False

        def decide(current: records.Record | None) -> records.Change:
            nonlocal created
            if current is None:
                if absent is None:
                    raise status.not_found(kind.resource, name)
                created = True
                return records.Put(self._prepare_create(kind, namespace, absent(), manage))
            return self._decide_update(
                kind, current.value, change, subresource, replaces, manage, name
            )

        if dry_run:
            return self._dry(self._store.staged(key), decide(self._store.staged(key)), created)
        written = await self._store.write(key, decide, durable=kind.strategy.durable)
        return _outcome(written, created)

    def _dry(
        self, current: records.Record | None, decided: records.Change, created: bool
    ) -> Outcome:
        if isinstance(decided, records.Keep):
            assert current is not None
            return Outcome(current.value)
        return Outcome(decided.value, created, isinstance(decided, records.Delete))

    def _decide_update(
        self,
        kind: kinds.Kind,
        old: Object,
        change: Change,
        subresource: str,
        replaces: bool,
        manage: Manage,
        name: str,
    ) -> records.Change:
        new = change(codec.deep_copy(kind.present(old)))
        if kind.to_stored:
            new = kind.to_stored(new)
        metadata.check_identity(new, old["metadata"].get("namespace") or "", name)
        self._check_preconditions(kind, new, old, replaces)
        metadata.carry_over(new, old)
        strategy = kind.strategy
        if subresource == "status":
            new = self._status_of(kind, new, old)
            self._judge(kind, "status", new["metadata"].get("namespace") or "", new, old)
        else:
            if strategy.has_status and subresource != EVERYTHING:
                new.pop("status", None)
                if "status" in old:
                    new["status"] = codec.deep_copy(old["status"])
            strategy.prepare_update(new, old, self._around)
            causes = metadata.validate(new, [])
            causes += metadata.added_finalizer_causes(new, old)
            causes += strategy.validate(new, self._around)
            causes += strategy.validate_update(new, old, self._around)
            self._refuse(kind, new, causes)
            self._judge(kind, "", new["metadata"].get("namespace") or "", new, old)
            strategy.allocate(new, old, self._around)
            if strategy.has_generation and strategy.generation_changed(new, old):
                new["metadata"]["generation"] = int(old["metadata"].get("generation") or 0) + 1
        manage(new, old)
        new = metadata.arrange(new, self._stored_resource(kind))
        if _is_over(new, strategy):
            return records.Delete(new)
        return records.Put(new)

    def _status_of(self, kind: kinds.Kind, new: Object, old: Object) -> Object:
        merged: Object = codec.deep_copy(old)
        if "status" in new:
            merged["status"] = new["status"]
        else:
            merged.pop("status", None)
        if kind.strategy.status_keeps_metadata:
            if "managedFields" in new["metadata"]:
                merged["metadata"]["managedFields"] = new["metadata"]["managedFields"]
        else:
            kept = old["metadata"].get("ownerReferences")
            merged["metadata"] = new["metadata"]
            if kept is not None:
                merged["metadata"]["ownerReferences"] = kept
            self._refuse(kind, merged, metadata.validate(merged, []))
        kind.strategy.prepare_status(merged, old)
        return merged

    def _check_preconditions(
        self, kind: kinds.Kind, new: Object, old: Object, replaces: bool
    ) -> None:
        meta, before = new["metadata"], old["metadata"]
        name = before["name"]
        uid = meta.get("uid")
        if uid and uid != before["uid"]:
            if replaces:
                raise uid_mismatch(kind.resource, before.get("namespace"), name, uid, before["uid"])
            cause = status.invalid_value("metadata.uid", uid, "field is immutable")
            self._refuse(kind, new, [cause])
        version = meta.get("resourceVersion")
        if version and not version.isdigit():
            raise status.nameless(f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if version and version != before["resourceVersion"]:
            raise status.modified(kind.resource, name)
        if replaces and not version and not kind.strategy.unconditional_update:
            cause = status.invalid_value(
                "metadata.resourceVersion", 0, "must be specified for an update"
            )
            self._refuse(kind, new, [cause])

    # --- delete ---

    async def delete(
        self, kind: kinds.Kind, namespace: str, name: str, asked: options.DeleteOptions
    ) -> Outcome:
        """Remove, or mark as being deleted when finalizers or a grace period hold it."""
        key = self._key(kind, namespace, name)

        def decide(current: records.Record | None) -> records.Change:
            if current is None:
                raise status.not_found(kind.resource, name)
            return self._decide_delete(kind, current.value, asked)

        if asked.dry_run:
            return self._dry(self._store.staged(key), decide(self._store.staged(key)), False)
        written = await self._store.write(key, decide, durable=kind.strategy.durable)
        return _outcome(written, False)

    def _decide_delete(
        self, kind: kinds.Kind, old: Object, asked: options.DeleteOptions
    ) -> records.Change:
        strategy, before = kind.strategy, old["metadata"]
        strategy.check_delete(old)
        if asked.uid and asked.uid != before["uid"]:
            raise status.conflict(
                kind.resource,
                before["name"],
                f"the UID in the precondition ({asked.uid}) does not match the UID in record "
                f"({before['uid']}). The object might have been deleted and then recreated",
            )
        if asked.resource_version and asked.resource_version != before["resourceVersion"]:
            named = gvk.Resource(kind.resource.group, "", "", kind.resource.kind)
            raise status.conflict(
                named,
                before["name"],
                f"the ResourceVersion in the precondition ({asked.resource_version}) does not "
                f"match the ResourceVersion in record ({before['resourceVersion']}). The object "
                "might have been modified",
            )
        new: Object = codec.deep_copy(old)
        meta = new["metadata"]
        finalizers = metadata.deletion_finalizers(old, asked.propagation)
        meta["finalizers"] = finalizers
        started = before.get("deletionTimestamp")
        if not started:
            finalizers += [f for f in strategy.own_finalizers if f not in finalizers]
        grace = strategy.grace_period(old, asked.grace_period_seconds)
        if started:
            left = int(before.get("deletionGracePeriodSeconds") or 0)
            grace = min(grace, left) if asked.grace_period_seconds is not None else left
        if grace != before.get("deletionGracePeriodSeconds") or not started:
            end = self._around.now() + datetime.timedelta(seconds=grace)
            if not started or grace:
                meta["deletionTimestamp"] = clock.format_rfc3339(end)
            if strategy.states_grace:
                meta["deletionGracePeriodSeconds"] = grace
        if not started and (strategy.has_generation or "generation" in before):
            meta["generation"] = int(before.get("generation") or 0) + 1
        if kind.resource is gvk.NAMESPACES:
            new["status"] = {**(new.get("status") or {}), "phase": "Terminating"}
        new = metadata.arrange(new, self._stored_resource(kind))
        if not finalizers and not grace and strategy.is_finished(new):
            return records.Delete(metadata.arrange(old, self._stored_resource(kind)))
        return records.Put(new)

    # --- writes that skip the rules of updates ---

    async def bind(
        self, kind: kinds.Kind, namespace: str, name: str, change: Change, dry_run: bool
    ) -> None:
        """Change a pod's node: spec and status at once, past what updates may touch."""
        await self._raw(kind, namespace, name, change, dry_run)

    async def finalize(self, kind: kinds.Kind, name: str, change: Change, dry_run: bool) -> Object:
        """Change a Namespace's ``spec.finalizers``; without any it goes, when deleted."""
        return await self._raw(kind, "", name, change, dry_run)

    async def _raw(
        self, kind: kinds.Kind, namespace: str, name: str, change: Change, dry_run: bool
    ) -> Object:
        key = self._key(kind, namespace, name)

        def decide(current: records.Record | None) -> records.Change:
            if current is None:
                raise status.not_found(kind.resource, name)
            old = current.value
            new = change(codec.deep_copy(old))
            self._check_preconditions(kind, new, old, replaces=False)
            metadata.carry_over(new, old)
            if kind.strategy.has_generation and kind.strategy.generation_changed(new, old):
                new["metadata"]["generation"] = int(old["metadata"].get("generation") or 0) + 1
            new = metadata.arrange(new, kind.resource)
            return records.Delete(new) if _is_over(new, kind.strategy) else records.Put(new)

        if dry_run:
            return self._dry(self._store.staged(key), decide(self._store.staged(key)), False).value
        written = await self._store.write(key, decide, durable=kind.strategy.durable)
        assert written.record is not None
        return written.record.value

    # --- helpers ---

    def _key(self, kind: kinds.Kind, namespace: str, name: str) -> records.Key:
        return records.Key(kind.storage_key, namespace if kind.resource.namespaced else "", name)

    def _stored_resource(self, kind: kinds.Kind) -> gvk.Resource:
        if kind.stored_as is not None:
            return kind.stored_as
        if kind.custom and kind.custom.storage_version != kind.resource.version:
            resource = kind.resource
            return gvk.Resource(
                resource.group, kind.custom.storage_version, resource.kind, resource.plural
            )
        return kind.resource

    def _judge(
        self, kind: kinds.Kind, subresource: str, namespace: str, new: Object, old: Object | None
    ) -> None:
        """Ask the admission policies; raises the refusal of the first that objects."""
        name = new["metadata"].get("name") or ""
        self._policies.check(
            definition.Request(kind.resource, subresource, namespace, name, new, old)
        )

    def _refuse(self, kind: kinds.Kind, obj: Object, causes: list[status.Cause]) -> None:
        if causes:
            name = obj["metadata"].get("name") or ""
            raise status.invalid(kind.resource.group, kind.resource.kind, name, causes)


def _outcome(written: records.Written, created: bool) -> Outcome:
    """What the caller is shown: an object that is gone has its last resourceVersion in life."""
    assert written.record is not None
    value, event = written.record.value, written.event
    if event is None or event.type != "DELETED":
        return Outcome(value, created)
    assert event.previous is not None
    version = event.previous["metadata"]["resourceVersion"]
    shown = {**value, "metadata": {**value["metadata"], "resourceVersion": version}}
    return Outcome(shown, created, gone=True)


def uid_mismatch(
    resource: gvk.Resource, namespace: str | None, name: str, wanted: str, found: str
) -> status.Conflict:
    """A write for an object of the same name that is another one."""
    parts = [resource.plural, *([namespace] if namespace else []), name]
    if resource.group and "." in resource.group and not resource.group.endswith(".k8s.io"):
        parts.insert(0, resource.group)
    return status.conflict(
        resource,
        name,
        f"StorageError: invalid object, Code: 4, Key: /registry/{'/'.join(parts)}, "
        "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
        f"{wanted}, UID in object meta: {found}",
    )


def _is_over(obj: Object, strategy: base.Strategy) -> bool:
    """Being deleted, and nothing holds it any more."""
    meta = obj["metadata"]
    return (
        bool(meta.get("deletionTimestamp"))
        and not meta.get("finalizers")
        and not meta.get("deletionGracePeriodSeconds")
        and strategy.is_finished(obj)
    )
