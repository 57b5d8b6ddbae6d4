"""What the executor knows of the cluster: informers, their indexes, and careful look-ups.

Everything is answered from memory. Only when something just made has not arrived yet is the API
asked: a function may be called milliseconds after it was created, and its package is the newest
that the function was pointed at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fission.api import (
    environment_types,
    function_types,
    labels,
    objects,
    package_types,
    resources,
    schema,
)
from fission.executor import config, errors
from fission.executor.workload import lean
from fission.kube import client as kube_client
from fission.kube import informer, peers
from fission.meta import envvars, gvk, objectmeta, status
from fission.meta import labels as meta_labels

Obj = dict[str, Any]
K = TypeVar("K", bound=schema.Model)

BY_UID = "uid"
BY_ENVIRONMENT = "environment"
"""Functions, pods and Deployments by ``namespace/name`` of their Environment."""
BY_FUNCTION = "function"
"""Pods and Services by ``namespace/name`` of their Function."""
BY_PACKAGE = "package"
BY_SETTINGS = "settings"
"""Functions by ``Kind/namespace/name`` of the Secrets and ConfigMaps that they refer to."""

POOL_PODS = {labels.EXECUTOR_TYPE: function_types.POOLMGR}
WORKLOADS = f"{labels.EXECUTOR_TYPE} in ({function_types.NEWDEPLOY},{function_types.CONTAINER})"


class Catalog:
    """All informers of the executor."""

    def __init__(self, client: kube_client.Client, settings: config.Config) -> None:
        self._client = client
        self.place_of = settings.function_namespace_of
        """Namespace of a Function → where its pods go."""
        namespace = settings.watched_namespace
        pods_namespace = None if settings.function_namespace else namespace
        self.functions = informer.Informer(
            client,
            resources.FUNCTIONS,
            namespace,
            decode=_decoder(function_types.Function),
            packed=True,
        )
        self.environments = informer.Informer(
            client,
            resources.ENVIRONMENTS,
            namespace,
            decode=_decoder(environment_types.Environment),
        )
        self.packages = informer.Informer(
            client,
            resources.PACKAGES,
            namespace,
            decode=_decoder(package_types.Package),
            packed=True,
        )
        self.pods = informer.Informer(client, gvk.PODS, pods_namespace, POOL_PODS)
        self.deployments = informer.Informer(client, gvk.DEPLOYMENTS, pods_namespace, POOL_PODS)
        self.services = informer.Informer(
            client,
            gvk.SERVICES,
            pods_namespace,
            {labels.MANAGED_BY: labels.MANAGED_BY_FISSION},
        )
        self.workload_pods = informer.Informer(
            client, gvk.PODS, pods_namespace, WORKLOADS, decode=lean.pod
        )
        self.workload_deployments = informer.Informer(
            client, gvk.DEPLOYMENTS, pods_namespace, WORKLOADS, decode=lean.deployment
        )
        self.autoscalers = informer.Informer(
            client,
            gvk.HORIZONTALPODAUTOSCALERS,
            pods_namespace,
            WORKLOADS,
            decode=lean.autoscaler,
        )
        # Of settings only the names and versions are kept: their contents are the fetcher's.
        self.secrets = informer.Informer(client, gvk.SECRETS, namespace, decode=_metadata)
        self.config_maps = informer.Informer(client, gvk.CONFIGMAPS, namespace, decode=_metadata)
        self.endpoint_slices = informer.Informer(client, gvk.ENDPOINTSLICES, settings.namespace)
        self.functions.add_index(BY_UID, lambda function: [function.metadata.uid])
        self.functions.add_index(BY_ENVIRONMENT, lambda f: [environment_key(f)])
        self.functions.add_index(BY_PACKAGE, lambda f: [package_key(f)])
        self.functions.add_index(BY_SETTINGS, settings_keys)
        for indexed in (self.pods, self.deployments):
            indexed.add_index(BY_ENVIRONMENT, environment_of)
        for indexed in (
            self.pods,
            self.services,
            self.workload_pods,
            self.workload_deployments,
            self.autoscalers,
        ):
            indexed.add_index(BY_FUNCTION, function_of)
        self.workload_pods.add_index(BY_UID, function_uid_of)
        self.endpoint_slices.add_index(peers.INDEX, peers.service_index)
        self.all: list[informer.Informer[Any]] = [
            self.functions,
            self.environments,
            self.packages,
            self.pods,
            self.deployments,
            self.services,
            self.workload_pods,
            self.workload_deployments,
            self.autoscalers,
            self.secrets,
            self.config_maps,
            self.endpoint_slices,
        ]

    @property
    def has_synced(self) -> bool:
        return all(one.has_synced for one in self.all)

    async def wait_synced(self) -> None:
        """Wait until every informer has its first list, however long the API is away."""
        await asyncio.gather(*(one.wait_synced(None) for one in self.all))

    async def function(self, sent: function_types.Function) -> function_types.Function:
        """The function that a router speaks of, in its newest known generation.

        Raises MissingObject when it is gone, also when another has taken its name.
        """
        metadata = sent.metadata
        known = self.functions.lister.get(metadata.namespace, metadata.name)
        if known is None or known.metadata.uid != metadata.uid:
            known = await self._get(
                resources.FUNCTIONS, function_types.Function, metadata.namespace, metadata.name
            )
        if known is None or (metadata.uid and known.metadata.uid != metadata.uid):
            raise errors.MissingObject(
                f"function {metadata.namespace}/{metadata.name} (uid {metadata.uid}) does not exist"
            )
        return sent if metadata.generation > known.metadata.generation else known

    async def environment(self, function: function_types.Function) -> environment_types.Environment:
        """The function's environment; raises EnvironmentNotFound naming those that exist."""
        namespace, name = environment_key(function).split("/", 1)
        found = self.environments.lister.get(namespace, name)
        if found is None:
            found = await self._get(
                resources.ENVIRONMENTS, environment_types.Environment, namespace, name
            )
        if found is None:
            raise errors.EnvironmentNotFound(self.no_environment(function))
        return found

    def no_environment(self, function: function_types.Function) -> str:
        """The message for a function without its environment."""
        namespace, name = environment_key(function).split("/", 1)
        there = sorted(each.metadata.name for each in self.environments.lister.list(namespace))
        return (
            f"environment {namespace}/{name} of function "
            f"{function.metadata.namespace}/{function.metadata.name} does not exist; "
            f"there {'are' if len(there) > 1 else 'is'} {', '.join(there) or 'none'}"
        )

    async def package(self, function: function_types.Function) -> package_types.Package:
        """The function's package, at least as new as the function says."""
        namespace, name = package_key(function).split("/", 1)
        found = self.packages.lister.get(namespace, name)
        wanted = function.spec.package.package_ref.resource_version
        if found is None or is_older(found.metadata.resource_version, wanted):
            found = await self._get(resources.PACKAGES, package_types.Package, namespace, name)
        if found is None:
            raise errors.PackageNotFound(
                f"package {namespace}/{name} of function "
                f"{function.metadata.namespace}/{function.metadata.name} does not exist"
            )
        return found

    def settings_hash(self, function: function_types.Function) -> str:
        """The versions of the function's Secrets and ConfigMaps; empty when it has none."""
        parts = []
        for key in settings_keys(function):
            kind, namespace, name = key.split("/", 2)
            found = self._settings(kind).lister.get(namespace, name)
            parts.append(f"{key}@{objectmeta.resource_version_of(found) if found else ''}")
        return ";".join(sorted(parts))

    async def check_settings(self, function: function_types.Function) -> None:
        """Raise SettingsNotFound for a Secret or ConfigMap that does not exist and has to."""
        optional = _optional_keys(function)
        for key in settings_keys(function):
            if key in optional:
                continue
            kind, namespace, name = key.split("/", 2)
            source = self._settings(kind)
            if source.lister.get(namespace, name) is not None:
                continue
            try:
                await self._client.get(source.resource, name, namespace)
            except status.NotFound as error:
                raise errors.SettingsNotFound(
                    f"{kind} {namespace}/{name} of function {function.metadata.namespace}/"
                    f"{function.metadata.name} does not exist"
                ) from error

    def _settings(self, kind: str) -> informer.Informer[Obj]:
        return self.secrets if kind == gvk.SECRETS.kind else self.config_maps

    async def _get(
        self, resource: gvk.Resource, kind: type[K], namespace: str, name: str
    ) -> K | None:
        try:
            found = await self._client.get(resource, name, namespace)
        except status.NotFound:
            return None
        return objects.decode(kind, found)


def is_older(found: str, wanted: str) -> bool:
    """Whether a resourceVersion may be older than another; what cannot be compared may be."""
    if not wanted or found == wanted:
        return False
    if found.isdigit() and wanted.isdigit():
        return int(found) < int(wanted)
    return True


def environment_key(function: function_types.Function) -> str:
    """``namespace/name``; a reference without a namespace means the function's own."""
    reference = function.spec.environment
    return f"{reference.namespace or function.metadata.namespace}/{reference.name}"


def package_key(function: function_types.Function) -> str:
    reference = function.spec.package.package_ref
    return f"{reference.namespace or function.metadata.namespace}/{reference.name}"


def function_key(function: function_types.Function) -> str:
    return f"{function.metadata.namespace}/{function.metadata.name}"


def settings_keys(function: function_types.Function) -> list[str]:
    """``Kind/namespace/name`` of everything that the function reads, as files or as variables."""
    namespace = function.metadata.namespace
    variables = envvars.references(function.spec.env, function.spec.env_from)
    files = [
        f"{kind}/{reference.namespace or namespace}/{reference.name}"
        for kind, references in (
            (gvk.SECRETS.kind, function.spec.secrets),
            (gvk.CONFIGMAPS.kind, function.spec.config_maps),
        )
        for reference in references
    ]
    named = (f"{each.kind}/{namespace}/{each.name}" for each in variables)
    return list(dict.fromkeys((*files, *named)))


def _optional_keys(function: function_types.Function) -> set[str]:
    """Those of them that need not exist."""
    spec, namespace = function.spec, function.metadata.namespace
    files = {
        *(f"{gvk.SECRETS.kind}/{each.namespace or namespace}/{each.name}" for each in spec.secrets),
        *(
            f"{gvk.CONFIGMAPS.kind}/{each.namespace or namespace}/{each.name}"
            for each in spec.config_maps
        ),
    }
    optional: dict[str, bool] = {}
    for each in envvars.references(spec.env, spec.env_from):
        key = f"{each.kind}/{namespace}/{each.name}"
        optional[key] = each.is_optional and optional.get(key, True)
    return {key for key, is_optional in optional.items() if is_optional} - files


def _decoder(kind: type[K]) -> Callable[[Obj], K]:
    return lambda wire: objects.decode(kind, wire)


def _metadata(wire: Obj) -> Obj:
    return {"metadata": {k: v for k, v in wire["metadata"].items() if k != "managedFields"}}


def environment_of(wire: Obj) -> list[str]:
    found = meta_labels.of(wire)
    name = found.get(labels.ENVIRONMENT_NAME)
    return [f"{found.get(labels.ENVIRONMENT_NAMESPACE, '')}/{name}"] if name else []


def function_of(wire: Obj) -> list[str]:
    found = meta_labels.of(wire)
    name = found.get(labels.FUNCTION_NAME)
    return [f"{found.get(labels.FUNCTION_NAMESPACE, '')}/{name}"] if name else []


def function_uid_of(wire: Obj) -> list[str]:
    uid = meta_labels.of(wire).get(labels.FUNCTION_UID)
    return [uid] if uid else []
