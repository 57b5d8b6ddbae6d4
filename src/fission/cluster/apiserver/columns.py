"""The columns and cells of the built-in kinds, as upstream's printers make them. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fission.base import clock
from fission.cluster.apiserver import autoscalers
from fission.meta import labels, quantity, selectors

Object = dict[str, Any]
Cells = Callable[[Object], list[Any]]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    columns: Sequence[Column]
    cells: Callable[[Object, datetime.datetime], list[Any]]


NAME = Column("Name", "string", 0, "name", "Name must be unique within a namespace.")


def _columns(names: str) -> tuple[Column, ...]:
    """``Ready Up-to-date IP* Desired:integer``: * is priority 1; _ stands for a space."""
    found = [NAME]
    for item in names.split():
        name, _, kind = item.rstrip("*").partition(":")
        found.append(Column(name.replace("_", " "), kind or "string", int(item.endswith("*"))))
    return tuple(found)


def age(timestamp: str | None, now: datetime.datetime) -> str:
    """``5m3s``, ``2d4h``: upstream's HumanDuration."""
    if not timestamp:
        return "<unknown>"
    seconds = int((now - clock.parse_rfc3339(timestamp)).total_seconds())
    return duration(max(seconds, 0))


def duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _pair(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _pair(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"


def _age(value: Object, now: datetime.datetime) -> str:
    return age(value["metadata"].get("creationTimestamp"), now)


def _selector(selector: Any) -> str:
    if not selector:
        return "<none>"
    if "matchLabels" in selector or "matchExpressions" in selector:
        return str(selectors.LabelSelector.from_dict(selector)) or "<none>"
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


# --- Pods ---------------------------------------------------------------------------------------


def _pod(pod: Object, now: datetime.datetime) -> list[Any]:
    spec, found = pod.get("spec") or {}, pod.get("status") or {}
    statuses = found.get("containerStatuses") or []
    ready = sum(1 for status in statuses if status.get("ready"))
    total = len(spec.get("containers") or ())
    gates = spec.get("readinessGates")
    return [
        pod["metadata"]["name"],
        f"{ready}/{total}",
        pod_status(pod),
        _restarts(statuses, now),
        _age(pod, now),
        found.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        found.get("nominatedNodeName") or "<none>",
        f"0/{len(gates)}" if gates else "<none>",
    ]


def pod_status(pod: Object) -> str:
    """The Status cell: what a person wants to know instead of the phase."""
    found = pod.get("status") or {}
    reason = found.get("reason") or found.get("phase") or "Unknown"
    spec = pod.get("spec") or {}
    initializing = False
    initial = found.get("initContainerStatuses") or []
    for position, status in enumerate(initial):
        state = status.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting")
        if terminated and not terminated.get("exitCode"):
            continue
        if terminated:
            code = terminated.get("exitCode")
            reason = "Init:" + (terminated.get("reason") or f"ExitCode:{code}")
        elif waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            reason = "Init:" + waiting["reason"]
        else:
            reason = f"Init:{position}/{len(spec.get('initContainers') or initial)}"
        initializing = True
        break
    if not initializing:
        reason = _container_reason(found, reason)
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if found.get("reason") == "NodeLost" else "Terminating"
    return str(reason)


def _container_reason(found: Object, reason: str) -> str:
    running = False
    for status in reversed(found.get("containerStatuses") or []):
        state = status.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated:
            signal, code = terminated.get("signal"), terminated.get("exitCode")
            plain = f"Signal:{signal}" if signal else f"ExitCode:{code}"
            reason = terminated.get("reason") or plain
        elif status.get("ready") and state.get("running"):
            running = True
    if reason == "Completed" and running:
        return "Running"
    return reason


def _restarts(statuses: Sequence[Object], now: datetime.datetime) -> str:
    count = sum(int(status.get("restartCount") or 0) for status in statuses)
    ends = [
        terminated["finishedAt"]
        for status in statuses
        if (terminated := (status.get("lastState") or {}).get("terminated"))
        and terminated.get("finishedAt")
    ]
    if count and ends:
        return f"{count} ({age(max(ends), now)} ago)"
    return str(count)


# --- Workloads ----------------------------------------------------------------------------------


def _containers(template: Object) -> tuple[str, str]:
    containers = (template.get("spec") or {}).get("containers") or []
    names = ",".join(container.get("name", "") for container in containers)
    return names, ",".join(container.get("image", "") for container in containers)


def _deployment(obj: Object, now: datetime.datetime) -> list[Any]:
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    names, images = _containers(spec.get("template") or {})
    return [
        obj["metadata"]["name"],
        f"{found.get('readyReplicas') or 0}/{spec.get('replicas') or 0}",
        str(found.get("updatedReplicas") or 0),
        str(found.get("availableReplicas") or 0),
        _age(obj, now),
        names,
        images,
        _selector(spec.get("selector")),
    ]


def _replicaset(obj: Object, now: datetime.datetime) -> list[Any]:
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    names, images = _containers(spec.get("template") or {})
    return [
        obj["metadata"]["name"],
        spec.get("replicas") or 0,
        found.get("replicas") or 0,
        found.get("readyReplicas") or 0,
        _age(obj, now),
        names,
        images,
        _selector(spec.get("selector")),
    ]


def _autoscaler(obj: Object, now: datetime.datetime) -> list[Any]:
    if obj.get("apiVersion") == "autoscaling/v1":
        obj = autoscalers.to_stored(obj)
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    reference = spec.get("scaleTargetRef") or {}
    seen = found.get("currentMetrics") or ()
    targets = [
        _target(metric, seen[index] if index < len(seen) else {})
        for index, metric in enumerate(spec.get("metrics") or ())
    ]
    shown = ", ".join(targets[:SHOWN_TARGETS])
    if len(targets) > SHOWN_TARGETS:
        shown += f" + {len(targets) - SHOWN_TARGETS} more..."
    return [
        obj["metadata"]["name"],
        f"{reference.get('kind')}/{reference.get('name')}",
        shown or "<none>",
        str(spec.get("minReplicas", "<unset>")),
        spec.get("maxReplicas") or 0,
        found.get("currentReplicas") or 0,
        _age(obj, now),
    ]


SHOWN_TARGETS = 2


def _target(metric: Object, seen: Object) -> str:
    """``cpu: 3%/50%``; what is seen stands at the same place of the status."""
    field = _metric_field(metric)
    source, current = metric.get(field) or {}, (seen.get(field) or {}).get("current") or {}
    target = source.get("target") or {}
    name = f"{source['name']}: " if "name" in source else ""
    if target.get("averageUtilization") is not None:
        percent = current.get("averageUtilization")
        shown = "<unknown>" if percent is None else f"{percent}%"
        return f"{name}{shown}/{target['averageUtilization']}%"
    part, suffix = ("averageValue", "") if target.get("averageValue") else ("value", "")
    if part == "averageValue" and field in ("object", "external"):
        suffix = " (avg)"
    return f"{name}{current.get(part) or '<unknown>'}/{target.get(part)}{suffix}"


def _metric_field(metric: Object) -> str:
    """``ContainerResource`` → ``containerResource``: where a metric of that type says more."""
    kind = str(metric.get("type") or "")
    return kind[:1].lower() + kind[1:]


# --- Networking ---------------------------------------------------------------------------------


def _service(obj: Object, now: datetime.datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    ports = []
    for port in spec.get("ports") or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port')}{node_port}/{port.get('protocol')}")
    return [
        obj["metadata"]["name"],
        spec.get("type") or "",
        spec.get("clusterIP") or "<none>",
        _external_address(obj),
        ",".join(ports) or "<none>",
        _age(obj, now),
        _selector(spec.get("selector")),
    ]


def _external_address(obj: Object) -> str:
    spec = obj.get("spec") or {}
    external = spec.get("externalIPs") or []
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName") or "")
    if spec.get("type") != "LoadBalancer":
        return ",".join(external) or "<none>"
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    found = [item.get("ip") or item.get("hostname") or "" for item in ingress]
    return ",".join([*found, *external]) or "<pending>"


MAX_ENDPOINTS_SHOWN = 3


def _endpoints(obj: Object, now: datetime.datetime) -> list[Any]:
    shown: list[str] = []
    for subset in obj.get("subsets") or ():
        ports: list[Object] = subset.get("ports") or [{}]
        for port in ports:
            for address in subset.get("addresses") or ():
                number = f":{port['port']}" if "port" in port else ""
                shown.append(f"{address.get('ip')}{number}")
    return [obj["metadata"]["name"], _shortened(shown, "<none>"), _age(obj, now)]


def _endpointslice(obj: Object, now: datetime.datetime) -> list[Any]:
    ports = [str(port.get("port")) if port.get("port") else "*" for port in obj.get("ports") or ()]
    addresses = [a for item in obj.get("endpoints") or () for a in item.get("addresses") or ()]
    return [
        obj["metadata"]["name"],
        obj.get("addressType") or "",
        _shortened(ports, "<unset>"),
        _shortened(addresses, "<unset>"),
        _age(obj, now),
    ]


def _shortened(items: Sequence[str], empty: str) -> str:
    if not items:
        return empty
    text = ",".join(items[:MAX_ENDPOINTS_SHOWN])
    more = len(items) - MAX_ENDPOINTS_SHOWN
    return f"{text} + {more} more..." if more > 0 else text


# --- Everything else ----------------------------------------------------------------------------


def _node(obj: Object, now: datetime.datetime) -> list[Any]:
    found, info = obj.get("status") or {}, (obj.get("status") or {}).get("nodeInfo") or {}
    ready = next((c for c in found.get("conditions") or () if c.get("type") == "Ready"), None)
    text = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if (obj.get("spec") or {}).get("unschedulable"):
        text += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(k.removeprefix(prefix) for k in labels.of(obj) if k.startswith(prefix))
    addresses = {a.get("type"): a.get("address") for a in found.get("addresses") or ()}
    return [
        obj["metadata"]["name"],
        text,
        ",".join(roles) or "<none>",
        _age(obj, now),
        info.get("kubeletVersion") or "",
        addresses.get("InternalIP") or "<none>",
        addresses.get("ExternalIP") or "<none>",
        info.get("osImage") or "<unknown>",
        info.get("kernelVersion") or "<unknown>",
        info.get("containerRuntimeVersion") or "<unknown>",
    ]


_ACCESS = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _claim(obj: Object, now: datetime.datetime) -> list[Any]:
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else found.get("phase")
    bound = bool(spec.get("volumeName"))
    modes = found.get("accessModes") or () if bound else ()
    return [
        obj["metadata"]["name"],
        phase or "",
        spec.get("volumeName") or "",
        (found.get("capacity") or {}).get("storage", "") if bound else "",
        ",".join(_ACCESS.get(mode, mode) for mode in modes),
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or "<unset>",
        _age(obj, now),
        spec.get("volumeMode") or "<unset>",
    ]


def _volume(obj: Object, now: datetime.datetime) -> list[Any]:
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef")
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else found.get("phase")
    return [
        obj["metadata"]["name"],
        (spec.get("capacity") or {}).get("storage", ""),
        ",".join(_ACCESS.get(mode, mode) for mode in spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy") or "",
        phase or "",
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or "<unset>",
        found.get("reason") or "",
        _age(obj, now),
        spec.get("volumeMode") or "<unset>",
    ]


def _event(obj: Object, now: datetime.datetime) -> list[Any]:
    core = "involvedObject" in obj
    involved = obj.get("involvedObject" if core else "regarding") or {}
    source = obj.get("source" if core else "deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent")
    component = component or obj.get("reportingController") or ""
    first = obj.get("firstTimestamp" if core else "deprecatedFirstTimestamp")
    last = obj.get("lastTimestamp" if core else "deprecatedLastTimestamp")
    series = obj.get("series") or {}
    occurred = obj.get("eventTime")
    count = series.get("count") or obj.get("count" if core else "deprecatedCount") or 1
    last = series.get("lastObservedTime") or last or occurred
    host = f", {source['host']}" if source.get("host") else ""
    return [
        age(last, now),
        obj.get("type") or "",
        obj.get("reason") or "",
        f"{(involved.get('kind') or '').lower()}/{involved.get('name') or ''}",
        involved.get("fieldPath") or "",
        component + host,
        (obj.get("message" if core else "note") or "").strip(),
        age(first or occurred, now),
        str(count),
        obj["metadata"]["name"],
    ]


def _binding(obj: Object, now: datetime.datetime) -> list[Any]:
    reference, subjects = obj.get("roleRef") or {}, obj.get("subjects") or []
    users = [s.get("name", "") for s in subjects if s.get("kind") == "User"]
    groups = [s.get("name", "") for s in subjects if s.get("kind") == "Group"]
    accounts = [
        f"{s.get('namespace')}/{s.get('name')}"
        for s in subjects
        if s.get("kind") == "ServiceAccount"
    ]
    return [
        obj["metadata"]["name"],
        f"{reference.get('kind')}/{reference.get('name')}",
        _age(obj, now),
        ", ".join(users),
        ", ".join(groups),
        ", ".join(accounts),
    ]


def _counted(*fields: str) -> Callable[[Object, datetime.datetime], list[Any]]:
    def cells(obj: Object, now: datetime.datetime) -> list[Any]:
        count = sum(len(obj.get(field) or {}) for field in fields)
        return [obj["metadata"]["name"], count, _age(obj, now)]

    return cells


def _secret(obj: Object, now: datetime.datetime) -> list[Any]:
    count = len(obj.get("data") or {})
    return [obj["metadata"]["name"], obj.get("type") or "", count, _age(obj, now)]


def _named(obj: Object, now: datetime.datetime) -> list[Any]:
    return [obj["metadata"]["name"], _age(obj, now)]


def _created(obj: Object, now: datetime.datetime) -> list[Any]:
    return [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp")]


def _namespace(obj: Object, now: datetime.datetime) -> list[Any]:
    phase = (obj.get("status") or {}).get("phase") or ""
    return [obj["metadata"]["name"], phase, _age(obj, now)]


def _policy(obj: Object, now: datetime.datetime) -> list[Any]:
    rules = obj["spec"].get("validations") or ()
    return [obj["metadata"]["name"], len(rules), "<unset>", _age(obj, now)]


def _policy_binding(obj: Object, now: datetime.datetime) -> list[Any]:
    name = obj["spec"].get("policyName") or ""
    return [obj["metadata"]["name"], name, "<unset>", _age(obj, now)]


def _ingress(obj: Object, now: datetime.datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = list(
        dict.fromkeys(rule["host"] for rule in spec.get("rules") or () if rule.get("host"))
    )
    more = f" + {len(hosts) - 3} more..." if len(hosts) > 3 else ""
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    addresses = [each.get("ip") or each.get("hostname") for each in balancer.get("ingress") or ()]
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or "<none>",
        ",".join(hosts[:3]) + more or "*",
        ",".join(filter(None, addresses)),
        "80, 443" if spec.get("tls") else "80",
        _age(obj, now),
    ]


def _lease(obj: Object, now: datetime.datetime) -> list[Any]:
    holder = (obj.get("spec") or {}).get("holderIdentity") or ""
    return [obj["metadata"]["name"], holder, _age(obj, now)]


def _metrics(obj: Object, now: datetime.datetime) -> list[Any]:
    """What the containers use together, or the node."""
    parts = [one["usage"] for one in obj.get("containers") or ()] or [obj["usage"]]
    cpu = sum(quantity.parse(part["cpu"]) for part in parts)
    memory = sum(quantity.whole(part["memory"]) for part in parts)
    return [
        obj["metadata"]["name"],
        quantity.canonical(f"{int(cpu * 10**9)}n"),
        quantity.canonical(f"{memory // 1024}Ki"),
        obj["window"],
    ]


_WORKLOAD = "Age Containers* Images* Selector*"
_EVENT_COLUMNS = _columns(
    "Last_Seen Type Reason Object Subobject* Source* Message First_Seen* Count* Name*"
)[1:]

PLAIN = Layout(_columns("Age"), _named)
_ROLE = Layout((NAME, Column("Created At", "date")), _created)
_BINDING = Layout(_columns("Role Age Users* Groups* ServiceAccounts*"), _binding)

_METRICS = Layout(
    (
        NAME,
        Column("cpu", format="quantity"),
        Column("memory", format="quantity"),
        Column("Window", format="duration"),
    ),
    _metrics,
)

BUILTIN: dict[str, Layout] = {
    "Pod": Layout(
        _columns("Ready Status Restarts Age IP* Node* Nominated_Node* Readiness_Gates*"), _pod
    ),
    "Deployment": Layout(_columns(f"Ready Up-to-date Available {_WORKLOAD}"), _deployment),
    "ReplicaSet": Layout(
        _columns(f"Desired:integer Current:integer Ready:integer {_WORKLOAD}"), _replicaset
    ),
    "Service": Layout(_columns("Type Cluster-IP External-IP Port(s) Age Selector*"), _service),
    "Endpoints": Layout(_columns("Endpoints Age"), _endpoints),
    "EndpointSlice": Layout(_columns("AddressType Ports Endpoints Age"), _endpointslice),
    "ConfigMap": Layout(_columns("Data Age"), _counted("data", "binaryData")),
    "Secret": Layout(_columns("Type Data Age"), _secret),
    "ServiceAccount": PLAIN,
    "Namespace": Layout(_columns("Status Age"), _namespace),
    "ValidatingAdmissionPolicy": Layout(_columns("Validations:integer ParamKind Age"), _policy),
    "ValidatingAdmissionPolicyBinding": Layout(
        _columns("PolicyName ParamRef Age"), _policy_binding
    ),
    "Ingress": Layout(_columns("Class Hosts Address Ports Age"), _ingress),
    "Lease": Layout(_columns("Holder Age"), _lease),
    "Node": Layout(
        _columns(
            "Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* "
            "Container-Runtime*"
        ),
        _node,
    ),
    "HorizontalPodAutoscaler": Layout(
        _columns("Reference Targets MinPods MaxPods Replicas Age"), _autoscaler
    ),
    "PodMetrics": _METRICS,
    "NodeMetrics": _METRICS,
    "Event": Layout(_EVENT_COLUMNS, _event),
    "PersistentVolumeClaim": Layout(
        _columns(
            "Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age VolumeMode*"
        ),
        _claim,
    ),
    "PersistentVolume": Layout(
        _columns(
            "Capacity Access_Modes Reclaim_Policy Status Claim StorageClass "
            "VolumeAttributesClass Reason Age VolumeMode*"
        ),
        _volume,
    ),
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "CustomResourceDefinition": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
}
