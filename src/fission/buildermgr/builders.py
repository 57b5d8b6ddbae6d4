"""An environment's builder as its pods show it: ready and where, or what it waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fission.api import labels
from fission.buildermgr import environment_plan, resources
from fission.contracts import builder as builder_wire
from fission.contracts import fetcher as fetcher_wire
from fission.meta import labels as meta_labels
from fission.meta import objectmeta, podports, podstate

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A builder pod that can be called."""

    namespace: str
    pod: str
    fetcher_url: str
    builder_url: str
    image_id: str
    """What the container runtime calls the image's content."""
    build_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """No pod can be called."""

    message: str
    hopeless: bool
    """It will not start unless somebody changes something."""
    name: str = ""
    """The builder's Deployment, when there is one."""


State = Target | Waiting


def observe(
    deployments: list[Obj], pods: list[Obj], wanted_hash: str, default_timeout_seconds: float
) -> State:
    """The builder of an environment, among everything that carries its name."""
    deployment = environment_plan.current_builder(deployments, wanted_hash)
    if deployment is None:
        return Waiting("its builder is being created", hopeless=False)
    name = objectmeta.name_of(deployment)
    version = environment_plan.version_of(deployment)
    own = [
        pod
        for pod in pods
        if meta_labels.of(pod).get(labels.BUILDER_ENV_RESOURCE_VERSION) == version
        and not objectmeta.is_deleting(pod)
    ]
    for pod in sorted(own, key=_age, reverse=True):
        if podstate.is_ready(pod):
            timeout = resources.build_timeout_seconds(deployment, default_timeout_seconds)
            return _target(pod, timeout)
    reasons = [podstate.why_stuck(pod) for pod in own]
    stuck = [reason for reason in reasons if reason is not None]
    if stuck and len(stuck) == len(own):
        return Waiting(f"its builder cannot start: {stuck[0]}", hopeless=True, name=name)
    return Waiting("its builder is starting", hopeless=False, name=name)


def _target(pod: Obj, build_timeout_seconds: float) -> Target:
    address = pod["status"]["podIP"]
    host = f"[{address}]" if ":" in address else address
    fetcher_port = podports.resolve_port(pod, fetcher_wire.PORT_NAME)
    builder_port = podports.resolve_port(pod, builder_wire.PORT_NAME)
    image_id = next(
        (
            f"{one.get('image', '')}@{one.get('imageID', '')}"
            for one in pod["status"].get("containerStatuses") or ()
            if one.get("name") == builder_wire.CONTAINER_NAME
        ),
        "",
    )
    return Target(
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        fetcher_url=f"http://{host}:{fetcher_port}",
        builder_url=f"http://{host}:{builder_port}",
        image_id=image_id,
        build_timeout_seconds=build_timeout_seconds,
    )


def _age(pod: Obj) -> tuple[str, str]:
    metadata = pod["metadata"]
    return str(metadata.get("creationTimestamp", "")), str(metadata["name"])
