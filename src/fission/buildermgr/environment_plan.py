"""The builder that an environment should have: one, named for when its spec last changed. Pure.

A builder's name holds a resourceVersion of its Environment, and peers find it by that name. Here it
is the version at which what the builder is made of last changed, so that a new label or pool size
leaves the builder, and the builds in it, alone.
"""

from __future__ import annotations

from typing import Any

from fission.api import environment_defaults, environment_types, labels
from fission.buildermgr import resources
from fission.kube import actions
from fission.meta import gvk, objectmeta
from fission.meta import labels as meta_labels

Obj = dict[str, Any]


def plan_builder(
    environment: environment_types.Environment | None,
    namespace: str,
    deployments: list[Obj],
    services: list[Obj],
    options: resources.Options,
) -> list[actions.Action]:
    """The writes that leave the one builder; raises InvalidInput for one that cannot be made."""
    if environment is None or not environment_defaults.has_builder(environment.spec):
        return [
            *_deletions(gvk.DEPLOYMENTS, deployments, None),
            *_deletions(gvk.SERVICES, services, None),
        ]
    wanted_hash = resources.spec_hash(environment, options)
    current = current_builder(deployments, wanted_hash)
    version = environment.metadata.resource_version
    if current is not None:
        version = version_of(current)
    deployment = resources.make_deployment(environment, namespace, options, version)
    service = resources.make_service(environment, namespace, options, version)
    name = deployment["metadata"]["name"]
    planned: list[actions.Action] = []
    if current is None:
        namesake = next((one for one in deployments if objectmeta.name_of(one) == name), None)
        if namesake is None:
            planned.append(actions.Create(gvk.DEPLOYMENTS, deployment))
        elif not objectmeta.is_deleting(namesake):
            # The platform's part of the spec changed, the Environment did not.
            version = objectmeta.resource_version_of(namesake)
            metadata = {**deployment["metadata"], "resourceVersion": version}
            planned.append(actions.Update(gvk.DEPLOYMENTS, {**deployment, "metadata": metadata}))
    if not any(objectmeta.name_of(one) == name for one in services):
        planned.append(actions.Create(gvk.SERVICES, service))
    return [
        *planned,
        *_deletions(gvk.DEPLOYMENTS, deployments, name),
        *_deletions(gvk.SERVICES, services, name),
    ]


def current_builder(deployments: list[Obj], wanted_hash: str) -> Obj | None:
    """The builder that is as it should be; of several the oldest."""
    found = [
        one
        for one in deployments
        if not objectmeta.is_deleting(one)
        and meta_labels.annotations_of(one).get(labels.BUILDER_SPEC_HASH) == wanted_hash
    ]
    return min(found, key=lambda one: (len(version_of(one)), version_of(one)), default=None)


def version_of(deployment: Obj) -> str:
    """The Environment's resourceVersion in a builder's name."""
    return meta_labels.of(deployment).get(labels.BUILDER_ENV_RESOURCE_VERSION, "")


def _deletions(resource: gvk.Resource, found: list[Obj], keep: str | None) -> list[actions.Action]:
    return [
        actions.delete_of(resource, one)
        for one in found
        if objectmeta.name_of(one) != keep and not objectmeta.is_deleting(one)
    ]
