"""What this node never gives, found in a pod's spec before anything is started. Pure.

A field that would change how the pod runs is honoured or refused by its name; it is never
silently dropped.
"""

from __future__ import annotations

from typing import Any

from fission.cluster.kubelet import errors, probes, volumes

Obj = dict[str, Any]

SLEEP_COMMANDS = ("sleep", "/bin/sleep", "/usr/bin/sleep")


def check(pod: Obj, own_uid: int) -> None:
    """Raise Refused for the first thing that cannot be had."""
    spec = pod["spec"]
    for field in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(field):
            raise errors.Refused(f"spec.{field} is not supported by this node")
    if spec.get("runtimeClassName"):
        raise errors.Refused("spec.runtimeClassName is not supported by this node")
    _check_security("spec.securityContext", spec.get("securityContext") or {}, own_uid)
    for volume in spec.get("volumes") or ():
        volumes.kind_of(volume)
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            _check_container(f"spec.{kind}[{index}]", container, own_uid)


def _check_container(where: str, container: Obj, own_uid: int) -> None:
    for port in container.get("ports") or ():
        if port.get("hostPort"):
            raise errors.Refused(
                f"{where}.ports.hostPort is not supported by this node; "
                "use a Service of type LoadBalancer"
            )
        if port.get("protocol", "TCP") != "TCP":
            raise errors.Refused(f"{where}.ports.protocol {port['protocol']} is not supported")
    for field in ("volumeDevices", "stdin", "tty"):
        if container.get(field):
            raise errors.Refused(f"{where}.{field} is not supported by this node")
    for mount in container.get("volumeMounts") or ():
        if mount.get("subPathExpr"):
            raise errors.Refused(f"{where}.volumeMounts.subPathExpr is not supported by this node")
        if mount.get("mountPropagation", "None") != "None":
            raise errors.Refused(f"{where}.volumeMounts.mountPropagation is not supported")
    _check_security(f"{where}.securityContext", container.get("securityContext") or {}, own_uid)
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.get("postStart"):
        raise errors.Refused(f"{where}.lifecycle.postStart is not supported by this node")
    pre_stop_seconds(container)
    probes.parse_rules(container)


def _check_security(where: str, context: Obj, own_uid: int) -> None:
    if context.get("privileged"):
        raise errors.Refused(f"{where}.privileged is not supported by this node")
    if (context.get("capabilities") or {}).get("add"):
        raise errors.Refused(f"{where}.capabilities.add is not supported by this node")
    for field in ("runAsUser", "runAsGroup"):
        wanted = context.get(field)
        if wanted is not None and wanted != own_uid:
            raise errors.Refused(
                f"{where}.{field} {wanted} is not supported: this node gives each pod a user of "
                "its own, or its own user"
            )
    profile = (context.get("seccompProfile") or {}).get("type", "RuntimeDefault")
    if profile != "RuntimeDefault":
        raise errors.Refused(f"{where}.seccompProfile.type {profile} is not supported by this node")


def pre_stop_seconds(container: Obj) -> float:
    """How long the pre-stop hook asks to wait; Refused for hooks other than a sleep."""
    hook = (container.get("lifecycle") or {}).get("preStop")
    if not hook:
        return 0.0
    if hook.get("sleep") is not None:
        return float(hook["sleep"].get("seconds") or 0)
    command = (hook.get("exec") or {}).get("command") or []
    if len(command) == 2 and command[0] in SLEEP_COMMANDS:
        try:
            return float(command[1])
        except ValueError:
            pass
    raise errors.Refused(
        f"container {container['name']}: lifecycle.preStop is only supported as sleep"
    )
