"""What buildermgr knows of the cluster: informers and their indexes."""

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
from fission.buildermgr import config
from fission.kube import client as kube_client
from fission.kube import informer, peers
from fission.meta import gvk, objectmeta
from fission.meta import labels as meta_labels

Obj = dict[str, Any]
K = TypeVar("K", bound=schema.Model)

BY_ENVIRONMENT = "environment"
"""Packages by ``namespace/name`` of their Environment; Deployments, Services and Pods of builders
by ``builder namespace/environment name``."""
BY_PACKAGE = "package"
"""Functions by ``namespace/name`` of their Package."""

BUILDERS = {labels.OWNER: labels.OWNER_BUILDERMGR}


class Catalog:
    """All informers of buildermgr."""

    def __init__(self, client: kube_client.Client, settings: config.Config) -> None:
        namespace = settings.watched_namespace
        builders = None if settings.builder_namespace else namespace
        self.packages = informer.Informer(
            client, resources.PACKAGES, namespace, decode=_decoder(package_types.Package)
        )
        self.environments = informer.Informer(
            client,
            resources.ENVIRONMENTS,
            namespace,
            decode=_decoder(environment_types.Environment),
        )
        self.functions = informer.Informer(
            client,
            resources.FUNCTIONS,
            namespace,
            decode=_decoder(function_types.Function),
            packed=True,
        )
        self.deployments = informer.Informer(client, gvk.DEPLOYMENTS, builders, BUILDERS)
        self.services = informer.Informer(client, gvk.SERVICES, builders, BUILDERS)
        self.pods = informer.Informer(client, gvk.PODS, builders, BUILDERS)
        self.caches = informer.Informer(client, gvk.CONFIGMAPS, namespace, labels.BUILD_CACHE)
        self.endpoint_slices = informer.Informer(client, gvk.ENDPOINTSLICES, settings.namespace)
        self.packages.add_index(BY_ENVIRONMENT, lambda package: [environment_key(package)])
        self.functions.add_index(BY_PACKAGE, lambda function: [package_key(function)])
        for indexed in (self.deployments, self.services, self.pods):
            indexed.add_index(BY_ENVIRONMENT, builder_of)
        self.endpoint_slices.add_index(peers.INDEX, peers.service_index)
        self.all: list[informer.Informer[Any]] = [
            self.packages,
            self.environments,
            self.functions,
            self.deployments,
            self.services,
            self.pods,
            self.caches,
            self.endpoint_slices,
        ]

    async def wait_synced(self) -> None:
        """Wait until every informer has its first list, however long the API is away."""
        await asyncio.gather(*(one.wait_synced(None) for one in self.all))

    def package(self, key: str) -> package_types.Package | None:
        """The package of that key, unless it is being deleted."""
        namespace, name = key.split("/", 1)
        found = self.packages.lister.get(namespace, name)
        return None if found is None or found.metadata.deletion_timestamp else found

    def environment(self, key: str) -> environment_types.Environment | None:
        """The environment of that key, unless it is being deleted."""
        namespace, name = key.split("/", 1)
        found = self.environments.lister.get(namespace, name)
        return None if found is None or found.metadata.deletion_timestamp else found


def key_of(metadata: objectmeta.ObjectMeta) -> str:
    """``namespace/name``."""
    return f"{metadata.namespace}/{metadata.name}"


def environment_key(package: package_types.Package) -> str:
    """``namespace/name``; a reference without a namespace means the package's own."""
    reference = package.spec.environment
    return f"{reference.namespace or package.metadata.namespace}/{reference.name}"


def package_key(function: function_types.Function) -> str:
    reference = function.spec.package.package_ref
    return f"{reference.namespace or function.metadata.namespace}/{reference.name}"


def builder_of(wire: Obj) -> list[str]:
    """``builder namespace/environment name`` of an object of a builder."""
    name = meta_labels.of(wire).get(labels.BUILDER_ENV_NAME)
    return [f"{objectmeta.namespace_of(wire)}/{name}"] if name else []


def is_older(version: str, other: str) -> bool:
    """Whether one resourceVersion is known to be older than another."""
    return version.isdigit() and other.isdigit() and int(version) < int(other)


def _decoder(kind: type[K]) -> Callable[[Obj], K]:
    return lambda wire: objects.decode(kind, wire)
