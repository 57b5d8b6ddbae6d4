"""The kinds that are served: built-in ones from a table, custom ones from their definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fission.cluster.apiserver import autoscalers, events, hooks
from fission.cluster.apiserver.fields import tables
from fission.cluster.apiserver.strategies import (
    accounts,
    autoscaling,
    base,
    config,
    custom,
    definitions,
    namespaces,
    networking,
    pods,
    policies,
    runtime,
    services,
    storage,
    workloads,
)
from fission.meta import gvk

Convert = Callable[[dict[str, Any]], dict[str, Any]]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One resource in one version, and everything the verbs need to know of it."""

    resource: gvk.Resource
    strategy: base.Strategy
    field_type: str | None = None
    """Its name in the field tables; None for custom resources."""
    custom: hooks.CustomResource | None = None
    categories: tuple[str, ...] = ()
    stored_as: gvk.Resource | None = None
    """The resource in whose form it is stored; None: its own."""
    to_stored: Convert | None = None
    from_stored: Convert | None = None

    @property
    def storage_key(self) -> str:
        return (self.stored_as or self.resource).group_resource

    @property
    def list_kind(self) -> str:
        custom_name = self.custom.list_kind if self.custom else ""
        return custom_name or f"{self.resource.kind}List"

    @property
    def verbs(self) -> tuple[str, ...]:
        if self.custom is not None:
            return CUSTOM_VERBS
        if self.strategy.deletes_collections:
            return ALL_VERBS
        return tuple(verb for verb in ALL_VERBS if verb != "deletecollection")

    def has_subresource(self, name: str) -> bool:
        return name in self.resource.subresources

    def present(self, value: dict[str, Any]) -> dict[str, Any]:
        """A stored object in this version."""
        return self.from_stored(value) if self.from_stored else value


def _builtin(
    resource: gvk.Resource, strategy: base.Strategy, categories: tuple[str, ...] = ()
) -> Kind:
    return Kind(resource, strategy, tables.type_of_resource(resource), categories=categories)


def _builtins(custom_resources: hooks.CustomResources | None) -> Iterable[Kind]:
    everywhere = ("all",)
    yield _builtin(gvk.CONFIGMAPS, config.ConfigMaps())
    yield _builtin(gvk.ENDPOINTS, runtime.Endpoints())
    yield _builtin(gvk.EVENTS, runtime.Events())
    yield _builtin(gvk.NAMESPACES, namespaces.Namespaces())
    yield _builtin(gvk.NODES, namespaces.Nodes())
    yield _builtin(gvk.PERSISTENTVOLUMECLAIMS, storage.PersistentVolumeClaims())
    yield _builtin(gvk.PERSISTENTVOLUMES, storage.PersistentVolumes())
    yield _builtin(gvk.PODS, pods.Pods(), everywhere)
    yield _builtin(gvk.SECRETS, config.Secrets())
    yield _builtin(gvk.SERVICEACCOUNTS, accounts.ServiceAccounts())
    yield _builtin(gvk.SERVICES, services.Services(), everywhere)
    yield _builtin(gvk.DEPLOYMENTS, workloads.Deployments(), everywhere)
    yield _builtin(gvk.REPLICASETS, workloads.ReplicaSets(), everywhere)
    yield _builtin(gvk.HORIZONTALPODAUTOSCALERS, autoscaling.HorizontalPodAutoscalers(), everywhere)
    yield _builtin(gvk.VALIDATINGADMISSIONPOLICIES, policies.Policies(), ("api-extensions",))
    yield _builtin(gvk.VALIDATINGADMISSIONPOLICYBINDINGS, policies.Bindings(), ("api-extensions",))
    yield _builtin(gvk.INGRESSES, networking.Ingresses())
    yield _builtin(gvk.LEASES, runtime.Leases())
    yield _builtin(gvk.ENDPOINTSLICES, runtime.EndpointSlices())
    yield Kind(
        gvk.NEW_EVENTS,
        runtime.Events(),
        tables.type_of_resource(gvk.NEW_EVENTS),
        stored_as=gvk.EVENTS,
        to_stored=events.to_core,
        from_stored=events.to_new,
    )
    yield Kind(
        gvk.HORIZONTALPODAUTOSCALERS_V1,
        autoscaling.HorizontalPodAutoscalers(),
        tables.type_of_resource(gvk.HORIZONTALPODAUTOSCALERS_V1),
        categories=everywhere,
        stored_as=gvk.HORIZONTALPODAUTOSCALERS,
        to_stored=autoscalers.to_stored,
        from_stored=autoscalers.from_stored,
    )
    for resource in (gvk.ROLES, gvk.CLUSTERROLES):
        yield _builtin(resource, accounts.Roles())
    for resource in (gvk.ROLEBINDINGS, gvk.CLUSTERROLEBINDINGS):
        yield _builtin(resource, accounts.Bindings())
    if custom_resources is not None:
        yield _builtin(gvk.CRDS, definitions.Definitions(custom_resources), ("api-extensions",))


def _custom_kind(definition: hooks.CustomResource) -> Kind:
    resource = definition.resource
    stored = gvk.api_version_of(resource.group, definition.storage_version)
    same = definition.storage_version == resource.version
    return Kind(
        resource,
        custom.Custom(definition),
        custom=definition,
        categories=definition.categories,
        to_stored=None if same else lambda obj: {**obj, "apiVersion": stored},
        from_stored=None if same else lambda obj: {**obj, "apiVersion": resource.api_version},
    )


class Kinds:
    """Finds kinds; follows the registry of custom resources by its generation."""

    def __init__(self, custom_resources: hooks.CustomResources | None) -> None:
        self._custom_resources = custom_resources
        self._builtins = {
            (k.resource.group, k.resource.version, k.resource.plural): k
            for k in _builtins(custom_resources)
        }
        self._customs: dict[tuple[str, str, str], Kind] = {}
        self._seen_generation = -1

    @property
    def generation(self) -> int:
        return self._custom_resources.generation if self._custom_resources else 0

    def get(self, group: str, version: str, plural: str) -> Kind | None:
        key = (group, version, plural)
        return self._builtins.get(key) or self._current_customs().get(key)

    def of(self, resource: gvk.Resource) -> Kind:
        """The kind of a resource that is known to be served; KeyError otherwise."""
        kind = self.get(resource.group, resource.version, resource.plural)
        if kind is None:
            raise KeyError(resource.group_resource)
        return kind

    def all(self) -> list[Kind]:
        return [*self._builtins.values(), *self._current_customs().values()]

    def custom(self) -> list[Kind]:
        return list(self._current_customs().values())

    def of_kind(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an owner reference names."""
        for known in self.all():
            if known.resource.kind == kind and known.resource.api_version == api_version:
                return known
        return None

    def has_group_version(self, group: str, version: str) -> bool:
        return any(
            kind.resource.group == group and kind.resource.version == version for kind in self.all()
        )

    def _current_customs(self) -> dict[tuple[str, str, str], Kind]:
        registry = self._custom_resources
        if registry is not None and registry.generation != self._seen_generation:
            self._seen_generation = registry.generation
            self._customs = {
                (d.resource.group, d.resource.version, d.resource.plural): _custom_kind(d)
                for d in registry.served()
            }
        return self._customs
