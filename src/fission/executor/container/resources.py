"""The pod template of a container function, and the objects around it. Pure."""

from __future__ import annotations

import copy
from typing import Any, Final

from fission.api import function_types
from fission.base import errors
from fission.contracts import fetcher as fetcher_wire
from fission.executor import podparts
from fission.executor.workload import objects

Obj = dict[str, Any]

GRACE_SECONDS: Final = 360
"""For requests that a pod is still answering when it is to go; Fission's."""
READINESS_PERIOD_SECONDS: Final = 2
MOUNT_MODE: Final = 0o750


def make_objects(
    function: function_types.Function,
    settings_hash: str,
    place: objects.Place,
    options: podparts.Options,
) -> objects.Objects:
    """Everything that the function should have; InvalidInput names what its podspec lacks."""
    template = make_template(function, settings_hash, options)
    container = template["spec"]["containers"][0]
    port = container["ports"][0]
    target = port.get("name") or int(port["containerPort"])
    return objects.assemble(function, place, template, container["name"], target)


def make_template(
    function: function_types.Function, settings_hash: str, options: podparts.Options
) -> Obj:
    """The pods of the function."""
    metadata = function.metadata
    return {
        "metadata": {
            "labels": {**metadata.labels, **objects.selector_of(function)},
            "annotations": podparts.without_last_applied(metadata.annotations),
        },
        "spec": _podspec(function, settings_hash, options),
    }


def _podspec(
    function: function_types.Function, settings_hash: str, options: podparts.Options
) -> Obj:
    podspec = copy.deepcopy(function.spec.podspec or {})
    containers = podspec.get("containers") or []
    if len(containers) != 1:
        raise errors.InvalidInput(
            f"spec.podspec.containers: {len(containers)} containers; must be exactly one"
        )
    container = containers[0]
    ports = container.get("ports") or []
    if len(ports) != 1 or not ports[0].get("containerPort"):
        raise errors.InvalidInput(
            f"spec.podspec.containers[0].ports: {len(ports)} ports; must be exactly one"
        )
    container["name"] = function.metadata.name
    container.setdefault("imagePullPolicy", options.runtime_pull_policy)
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    _add_variables(container, function.spec, settings_hash)
    _add_volumes(podspec, container, function.spec)
    wanted = podparts.merge_resources(container.get("resources") or {}, function.spec.resources)
    if wanted:
        container["resources"] = wanted
    if "readinessProbe" not in container:
        # Without one a pod is ready before its program listens.
        container["readinessProbe"] = {
            "tcpSocket": {"port": int(ports[0]["containerPort"])},
            "periodSeconds": READINESS_PERIOD_SECONDS,
        }
    grace = podspec.setdefault("terminationGracePeriodSeconds", GRACE_SECONDS)
    if grace:
        container.setdefault("lifecycle", {}).setdefault(
            "preStop", {"sleep": {"seconds": int(grace)}}
        )
    podspec.setdefault("automountServiceAccountToken", False)
    return podspec


def _add_variables(container: Obj, spec: function_types.FunctionSpec, settings_hash: str) -> None:
    added = [*copy.deepcopy(spec.env), *podparts.settings_variable(settings_hash)]
    replaced = {one.get("name") for one in added}
    kept = [one for one in container.get("env") or () if one.get("name") not in replaced]
    if kept or added:
        container["env"] = [*kept, *added]
    sources = [*(container.get("envFrom") or ()), *copy.deepcopy(spec.env_from)]
    if not spec.env_from:
        sources += [
            {key: {"name": one.name}}
            for key, references in (
                ("secretRef", spec.secrets),
                ("configMapRef", spec.config_maps),
            )
            for one in references
            if not one.mount_path
        ]
    if sources:
        container["envFrom"] = sources


def _add_volumes(podspec: Obj, container: Obj, spec: function_types.FunctionSpec) -> None:
    """Secrets and ConfigMaps with a ``mountPath`` are files below the root of their sort."""
    for kind, field, key, root, references in (
        ("secret", "secret", "secretName", fetcher_wire.SECRETS_DIR, spec.secrets),
        ("configmap", "configMap", "name", fetcher_wire.CONFIGS_DIR, spec.config_maps),
    ):
        for index, one in enumerate(references):
            if not one.mount_path:
                continue
            name = f"fission-{kind}-{index}"
            source = {key: one.name, "defaultMode": MOUNT_MODE}
            podspec.setdefault("volumes", []).append({"name": name, field: source})
            container.setdefault("volumeMounts", []).append(
                {"name": name, "mountPath": f"{root}/{one.mount_path}", "readOnly": True}
            )
