"""Defaults and validation of pod specs: of pods and of templates alike."""

from __future__ import annotations

from typing import Any

from fission.cluster.apiserver.strategies import base
from fission.meta import names, quantity, status

_FILE_MODE = 0o644

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def default_spec(spec: base.Object) -> None:
    """Fill a pod spec as upstream's ``SetDefaults_PodSpec`` and its neighbours do."""
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    for field in CONTAINER_LISTS:
        for container in spec.get(field) or ():
            _default_container(container, bool(spec.get("hostNetwork")))
    base.setdefaults(
        spec,
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
        },
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    base.setdefaults(spec, {"securityContext": {}, "schedulerName": "default-scheduler"})


def _default_volume(volume: base.Object) -> None:
    sources = [key for key in volume if key != "name"]
    if not sources:
        volume["emptyDir"] = {}
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if isinstance(volume.get(source), dict):
            base.setdefaults(volume[source], {"defaultMode": _FILE_MODE})
    if isinstance(volume.get("hostPath"), dict):
        volume["hostPath"].setdefault("type", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        token = source.get("serviceAccountToken")
        if isinstance(token, dict):
            base.setdefaults(token, {"expirationSeconds": 3600})
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            if isinstance(item.get("fieldRef"), dict):
                base.setdefaults(item["fieldRef"], {"apiVersion": "v1"})


def _default_container(container: base.Object, host_network: bool) -> None:
    for port in container.get("ports") or ():
        base.setdefaults(port, {"protocol": "TCP"})
        if host_network and "containerPort" in port:
            port.setdefault("hostPort", port["containerPort"])
    for variable in container.get("env") or ():
        source = (variable.get("valueFrom") or {}).get("fieldRef")
        if isinstance(source, dict):
            base.setdefaults(source, {"apiVersion": "v1"})
    resources = base.child(container, "resources")
    for name, amount in (resources.get("limits") or {}).items():
        base.child(resources, "requests").setdefault(name, amount)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(probe), dict):
            _default_probe(container[probe])
    for hook in (container.get("lifecycle") or {}).values():
        _default_http(hook.get("httpGet") if isinstance(hook, dict) else None)
    base.setdefaults(
        container,
        {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": pull_policy(str(container.get("image") or "")),
        },
    )


def pull_policy(image: str) -> str:
    """Always for ``latest`` or no tag, else IfNotPresent."""
    if "@" in image:
        return "IfNotPresent"
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return "Always" if not colon or tag == "latest" else "IfNotPresent"


def _default_probe(probe: base.Object) -> None:
    _default_http(probe.get("httpGet"))
    if isinstance(probe.get("grpc"), dict):
        probe["grpc"].setdefault("service", "")
    for key, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(key):
            probe[key] = value


def _default_http(action: Any) -> None:
    if isinstance(action, dict):
        base.setdefaults(action, {"path": "/", "scheme": "HTTP"})


# --- Validation ---------------------------------------------------------------------------------


def validate_spec(spec: base.Object, path: str) -> base.Causes:
    """The causes found in a defaulted pod spec at ``path``."""
    causes: base.Causes = []
    volumes = spec.get("volumes") or []
    seen: set[str] = set()
    for position, volume in enumerate(volumes):
        causes += _validate_volume(volume, f"{path}.volumes[{position}]", seen)
    if not spec.get("containers"):
        causes.append(status.required(f"{path}.containers"))
    names_seen: set[str] = set()
    for field in CONTAINER_LISTS:
        for position, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{position}]"
            causes += _validate_container(container, where, seen, names_seen)
    causes += _one_of(
        f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never")
    )
    causes += _one_of(
        f"{path}.dnsPolicy",
        spec.get("dnsPolicy"),
        ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
    )
    causes += base.not_negative(
        f"{path}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds")
    )
    account = spec.get("serviceAccountName")
    if account:
        found = names.subdomain_problems(account)
        causes += base.problems(f"{path}.serviceAccountName", account, found)
    return causes


def _one_of(field: str, value: Any, allowed: tuple[str, ...]) -> base.Causes:
    return [] if value in allowed else [status.not_supported(field, value, allowed)]


def _validate_volume(volume: base.Object, path: str, seen: set[str]) -> base.Causes:
    name = volume.get("name") or ""
    causes: base.Causes = []
    if not name:
        causes.append(status.required(f"{path}.name"))
    else:
        causes += base.problems(f"{path}.name", name, names.label_problems(name))
        if name in seen:
            causes.append(status.duplicate(f"{path}.name", name))
        seen.add(name)
    sources = [key for key, value in volume.items() if key != "name" and value is not None]
    if len(sources) > 1:
        causes.append(
            status.forbidden_field(
                f"{path}.{sources[1]}", "may not specify more than 1 volume type"
            )
        )
    claim = volume.get("persistentVolumeClaim")
    if isinstance(claim, dict) and not claim.get("claimName"):
        causes.append(status.required(f"{path}.persistentVolumeClaim.claimName"))
    host_path = volume.get("hostPath")
    if isinstance(host_path, dict) and not host_path.get("path"):
        causes.append(status.required(f"{path}.hostPath.path"))
    return causes


def _validate_container(
    container: base.Object, path: str, volumes: set[str], seen: set[str]
) -> base.Causes:
    causes: base.Causes = []
    name = container.get("name") or ""
    if not name:
        causes.append(status.required(f"{path}.name"))
    else:
        causes += base.problems(f"{path}.name", name, names.label_problems(name))
        if name in seen:
            causes.append(status.duplicate(f"{path}.name", name))
        seen.add(name)
    if not container.get("image"):
        causes.append(status.required(f"{path}.image"))
    causes += _one_of(
        f"{path}.imagePullPolicy",
        container.get("imagePullPolicy"),
        ("Always", "IfNotPresent", "Never"),
    )
    causes += _validate_ports(container.get("ports") or [], path)
    for position, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            causes.append(status.required(f"{path}.env[{position}].name"))
        if variable.get("value") and variable.get("valueFrom"):
            causes.append(
                status.invalid_value(
                    f"{path}.env[{position}].valueFrom",
                    "",
                    "may not be specified when `value` is not empty",
                )
            )
    causes += _validate_mounts(container.get("volumeMounts") or [], path, volumes)
    causes += _validate_resources(container.get("resources") or {}, f"{path}.resources")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        causes += _validate_probe(container.get(probe), f"{path}.{probe}")
    return causes


def _validate_ports(ports: list[base.Object], path: str) -> base.Causes:
    causes: base.Causes = []
    seen: set[str] = set()
    for position, port in enumerate(ports):
        where = f"{path}.ports[{position}]"
        if port.get("containerPort") in (None, 0):
            causes.append(status.required(f"{where}.containerPort"))
        else:
            causes += base.port_causes(f"{where}.containerPort", port["containerPort"])
        causes += _one_of(f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
        name = port.get("name")
        if name and name in seen:
            causes.append(status.duplicate(f"{where}.name", name))
        if name and len(name) > 15:
            causes.append(
                status.invalid_value(f"{where}.name", name, "must be no more than 15 characters")
            )
        seen.add(name or "")
    return causes


def _validate_mounts(mounts: list[base.Object], path: str, volumes: set[str]) -> base.Causes:
    causes: base.Causes = []
    places: set[str] = set()
    for position, mount in enumerate(mounts):
        where = f"{path}.volumeMounts[{position}]"
        name = mount.get("name") or ""
        if not name:
            causes.append(status.required(f"{where}.name"))
        elif name not in volumes:
            causes.append(
                status.Cause(
                    "FieldValueNotFound", f"Not found: {status.format_value(name)}", f"{where}.name"
                )
            )
        place = mount.get("mountPath") or ""
        if not place:
            causes.append(status.required(f"{where}.mountPath"))
        elif place in places:
            causes.append(status.invalid_value(f"{where}.mountPath", place, "must be unique"))
        places.add(place)
    return causes


def _validate_resources(resources: base.Object, path: str) -> base.Causes:
    causes: base.Causes = []
    limits = resources.get("limits") or {}
    for kind in ("limits", "requests"):
        for name, amount in (resources.get(kind) or {}).items():
            if quantity.parse(amount) < 0:
                causes.append(
                    status.invalid_value(
                        f"{path}.{kind}[{name}]", amount, "must be greater than or equal to 0"
                    )
                )
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and quantity.parse(amount) > quantity.parse(limits[name]):
            causes.append(
                status.invalid_value(
                    f"{path}.requests",
                    amount,
                    f"must be less than or equal to {name} limit of {limits[name]}",
                )
            )
    return causes


def _validate_probe(probe: Any, path: str) -> base.Causes:
    if not isinstance(probe, dict):
        return []
    handlers = [key for key in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(key)]
    if not handlers:
        return [status.required(path, "must specify a handler type")]
    if len(handlers) > 1:
        return [
            status.forbidden_field(
                f"{path}.{handlers[1]}", "may not specify more than 1 handler type"
            )
        ]
    return []


def qos_class(spec: base.Object) -> str:
    """BestEffort, Burstable or Guaranteed."""
    any_set, guaranteed = False, True
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        any_set = any_set or bool({"cpu", "memory"} & (set(requests) | set(limits)))
        for name in ("cpu", "memory"):
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"
