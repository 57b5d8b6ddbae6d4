"""What this node never gives, found in a pod's spec before anything is started. Pure.

A field that would change how the pod runs is honoured or refused by its name; it is never
silently dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fission.cluster.kubelet import errors, hooks, probes, volumes

Obj = dict[str, Any]

HOST_FIELDS = (
    "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "runtimeClassName", "dnsConfig",
    "hostAliases", "setHostnameAsFQDN", "ephemeralContainers", "resourceClaims", "resources",
)  # fmt: skip
CONTAINER_FIELDS = ("volumeDevices", "stdin", "tty", "restartPolicyRules")
RESOURCES = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True)
class User:
    """Whose rights the pod's processes will have."""

    uid: int | None
    """None: a user of the pod's own, whose number nobody chooses."""
    is_sandboxed: bool = True
    """Whether their root file system is read-only and privileges cannot grow."""


def check(pod: Obj, user: User) -> None:
    """Raise Refused for the first thing that cannot be had."""
    spec = pod["spec"]
    for field in HOST_FIELDS:
        if spec.get(field):
            raise errors.Refused(f"spec.{field} is not supported by this node")
    if spec.get("hostUsers") is False:
        raise errors.Refused("spec.hostUsers false is not supported by this node")
    system = (spec.get("os") or {}).get("name", "linux")
    if system != "linux":
        raise errors.Refused(f"spec.os.name {system} is not supported by this node, which is linux")
    _check_security("spec.securityContext", spec.get("securityContext") or {}, user)
    for volume in spec.get("volumes") or ():
        volumes.kind_of(volume)
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            _check_container(f"spec.{kind}[{index}]", container, user)


def _check_container(where: str, container: Obj, user: User) -> None:
    for port in container.get("ports") or ():
        if port.get("hostPort"):
            raise errors.Refused(
                f"{where}.ports.hostPort is not supported by this node; "
                "use a Service of type LoadBalancer"
            )
        if port.get("protocol", "TCP") != "TCP":
            raise errors.Refused(f"{where}.ports.protocol {port['protocol']} is not supported")
    for field in CONTAINER_FIELDS:
        if container.get(field):
            raise errors.Refused(f"{where}.{field} is not supported by this node")
    for mount in container.get("volumeMounts") or ():
        if mount.get("subPathExpr"):
            raise errors.Refused(f"{where}.volumeMounts.subPathExpr is not supported by this node")
        if mount.get("mountPropagation", "None") != "None":
            raise errors.Refused(f"{where}.volumeMounts.mountPropagation is not supported")
    _check_resources(f"{where}.resources", container.get("resources") or {})
    _check_security(f"{where}.securityContext", container.get("securityContext") or {}, user)
    if (container.get("lifecycle") or {}).get("stopSignal"):
        raise errors.Refused(f"{where}.lifecycle.stopSignal is not supported by this node")
    for hook in ("postStart", "preStop"):
        hooks.parse(container, hook)
    probes.parse_rules(container)


def _check_resources(where: str, resources: Obj) -> None:
    if resources.get("claims"):
        raise errors.Refused(f"{where}.claims is not supported by this node")
    for kind in ("limits", "requests"):
        for name in resources.get(kind) or ():
            if name not in RESOURCES:
                raise errors.Refused(
                    f"{where}.{kind}.{name} is not supported by this node; supported are "
                    + ", ".join(RESOURCES)
                )


def _check_security(where: str, context: Obj, user: User) -> None:
    for field in ("privileged", "allowPrivilegeEscalation"):
        if context.get(field):
            raise errors.Refused(f"{where}.{field} is not supported by this node")
    if (context.get("capabilities") or {}).get("add"):
        raise errors.Refused(f"{where}.capabilities.add is not supported by this node")
    for field in ("runAsUser", "runAsGroup"):
        wanted = context.get(field)
        if wanted is not None and wanted != user.uid:
            raise errors.Refused(
                f"{where}.{field} {wanted} is not supported: this node gives each pod a user of "
                "its own, or its own user"
            )
    if context.get("runAsNonRoot") and user.uid == 0:
        raise errors.Refused(f"{where}.runAsNonRoot cannot be kept: this pod would run as root")
    if context.get("readOnlyRootFilesystem") and not user.is_sandboxed:
        raise errors.Refused(
            f"{where}.readOnlyRootFilesystem cannot be kept: this node does not confine the pod"
        )
    for field in ("sysctls", "supplementalGroups", "seLinuxOptions", "windowsOptions"):
        if context.get(field):
            raise errors.Refused(f"{where}.{field} is not supported by this node")
    for field in ("seccompProfile", "appArmorProfile"):
        profile = (context.get(field) or {}).get("type", "RuntimeDefault")
        if profile != "RuntimeDefault":
            raise errors.Refused(f"{where}.{field}.type {profile} is not supported by this node")
    if context.get("procMount", "Default") != "Default":
        raise errors.Refused(f"{where}.procMount {context['procMount']} is not supported")
