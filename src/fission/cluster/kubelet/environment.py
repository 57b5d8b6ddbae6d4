"""The variables that a container starts with, from its image, its spec and the API. Pure.

Later ones win: the node's, the image's, `envFrom` in order, `env` in order. `$(NAME)` refers to
what is set before it; `$$(NAME)` stays as text; an unknown reference stays as it is written.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from fission.cluster.kubelet import errors, images
from fission.meta import envvars, quantity

Obj = dict[str, Any]
Lookup = Callable[[str], Obj | None]
"""Name → Secret or ConfigMap of the pod's namespace."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

MEMORY_VARIABLE = "POD_MEMORY_BYTES"


def make(
    pod: Obj,
    container: Obj,
    image: images.Image,
    node: Mapping[str, str],
    pod_ip: str,
    host_ip: str,
    secret: Lookup,
    config_map: Lookup,
    allocatable: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment; ContainerConfigError names what is missing."""
    env = {"PATH": PATH, "HOSTNAME": hostname(pod), **node, **image.env}
    memory = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    if memory:
        # Language runtimes size their heaps by it; a container sees no control groups.
        env[MEMORY_VARIABLE] = str(quantity.whole(str(memory)))
    for source in container.get("envFrom") or ():
        env |= _from_source(source, secret, config_map)
    for entry in container.get("env") or ():
        name = entry["name"]
        if entry.get("valueFrom") is not None:
            value = _value_from(
                entry["valueFrom"], pod, container, pod_ip, host_ip, secret, config_map,
                allocatable or {},
            )  # fmt: skip
            if value is not None:
                env[name] = value
        else:
            env[name] = envvars.expand(entry.get("value") or "", env)
    return env


def hostname(pod: Obj) -> str:
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def arguments(
    container: Obj, image: images.Image, env: Mapping[str, str]
) -> tuple[bool, list[str]]:
    """Whether the image's own entry runs, and the argv: for an entry the arguments alone."""
    args = [envvars.expand(a, env) for a in container.get("args") or ()]
    if container.get("command"):
        command = [envvars.expand(c, env) for c in container["command"]]
        if not image.program or command[0] != image.program:
            return False, [*command, *args]
        args = [*command[1:], *args]
    if image.entry is not None:
        return True, args
    return False, [*image.command, *args]


def port_variables(port_map: Mapping[int, int], paths: Mapping[str, str]) -> dict[str, str]:
    """What tells a process where its ports and volumes really are."""
    variables: dict[str, str] = {}
    if port_map:
        table = {str(declared): real for declared, real in port_map.items()}
        variables["POD_PORTS"] = json.dumps(table, separators=(",", ":"))
    if paths:
        variables["POD_VOLUME_PATHS"] = json.dumps(dict(paths), separators=(",", ":"))
    return variables


def _from_source(source: Obj, secret: Lookup, config_map: Lookup) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for field, lookup, kind in (
        ("configMapRef", config_map, "configmap"),
        ("secretRef", secret, "secret"),
    ):
        reference = source.get(field)
        if reference is None:
            continue
        found = lookup(reference["name"])
        if found is None:
            if reference.get("optional"):
                return {}
            raise errors.ContainerConfigError(f'{kind} "{reference["name"]}" not found')
        data = _secret_texts(found) if kind == "secret" else dict(found.get("data") or {})
        return {prefix + k: v for k, v in data.items() if envvars.NAME.fullmatch(prefix + k)}
    return {}


def _value_from(
    source: Obj,
    pod: Obj,
    container: Obj,
    pod_ip: str,
    host_ip: str,
    secret: Lookup,
    config_map: Lookup,
    allocatable: Mapping[str, str],
) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], pod_ip, host_ip)
    if "resourceFieldRef" in source:
        return resource_value(pod, source["resourceFieldRef"], container, allocatable)
    for field, lookup, kind in (
        ("configMapKeyRef", config_map, "ConfigMap"),
        ("secretKeyRef", secret, "Secret"),
    ):
        reference = source.get(field)
        if reference is None:
            continue
        name, key = reference["name"], reference["key"]
        found = lookup(name)
        if found is None:
            if reference.get("optional"):
                return None
            raise errors.ContainerConfigError(f'{kind.lower()} "{name}" not found')
        data = _secret_texts(found) if kind == "Secret" else dict(found.get("data") or {})
        if key not in data:
            if reference.get("optional"):
                return None
            namespace = pod["metadata"]["namespace"]
            raise errors.ContainerConfigError(
                f"couldn't find key {key} in {kind} {namespace}/{name}"
            )
        return data[key]
    raise errors.ContainerConfigError(f"env valueFrom {sorted(source)} is not supported")


def field_value(pod: Obj, path: str, pod_ip: str, host_ip: str) -> str:
    """A downward API field; ContainerConfigError for one that this node does not offer."""
    meta = pod["metadata"]
    simple = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    if path in simple:
        return str(simple[path])
    match = re.fullmatch(r"metadata\.(labels|annotations)(?:\['([^']+)'\])?", path)
    if match is None:
        raise errors.ContainerConfigError(f"fieldPath {path!r} is not supported")
    values = meta.get(match.group(1)) or {}
    if match.group(2) is not None:
        return str(values.get(match.group(2), ""))
    return "\n".join(f"{k}={json.dumps(v)}" for k, v in sorted(values.items()))


def resource_value(
    pod: Obj, reference: Obj, container: Obj | None, allocatable: Mapping[str, str]
) -> str:
    """A resource of a container in units of the divisor, rounded up; no limit is the node's."""
    name = reference.get("containerName")
    if name:
        everyone = (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
        container = next((c for c in everyone if c["name"] == name), None)
    if container is None:
        raise errors.ContainerConfigError(f"resourceFieldRef: no container named {name!r}")
    kind, _, resource = str(reference["resource"]).partition(".")
    values = (container.get("resources") or {}).get(kind) or {}
    text = values.get(resource)
    if text is None:
        text = allocatable.get(resource, "0") if kind == "limits" else "0"
    divisor = quantity.parse(str(reference.get("divisor") or "1")) or quantity.parse("1")
    return str(math.ceil(quantity.parse(str(text)) / divisor))


def _secret_texts(found: Obj) -> dict[str, str]:
    return {
        key: base64.b64decode(value or "").decode("utf-8", "replace")
        for key, value in (found.get("data") or {}).items()
    }
