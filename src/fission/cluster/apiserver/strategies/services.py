"""Services: ports, cluster addresses and node ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from fission.cluster.apiserver.strategies import base
from fission.meta import gvk, names, status

CLUSTER_RANGE = ipaddress.IPv4Network("127.96.0.0/16")
"""Loopback addresses, so that every process of this machine can reach them without routes."""

NODE_PORTS = range(30000, 32768)
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


class Services(base.Strategy):
    terse_field_errors = True
    has_status = True
    creates_on_update = True
    delete_returns_object = True

    def name_problems(self, name: str) -> list[str]:
        return names.label_problems(name)

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj["status"] = {"loadBalancer": {}}
        self.default(obj)

    def prepare_update(self, obj: base.Object, old: base.Object, around: base.Surroundings) -> None:
        spec, before = base.child(obj, "spec"), old.get("spec") or {}
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get("type") != "ExternalName" and not spec.get(field) and before.get(field):
                spec[field] = before[field]
        self.default(obj)

    def allocate(
        self, obj: base.Object, old: base.Object | None, around: base.Surroundings
    ) -> None:
        _allocate(obj, old, around)

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        base.setdefaults(spec, {"sessionAffinity": "None", "type": "ClusterIP"})
        if spec["sessionAffinity"] == "ClientIP" and not spec.get("sessionAffinityConfig"):
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
        for port in spec.get("ports") or ():
            base.setdefaults(port, {"protocol": "TCP"})
            if port.get("targetPort") in (None, "", 0):
                port["targetPort"] = port.get("port", 0)
        if spec["type"] == "ExternalName":
            return
        base.setdefaults(spec, {"internalTrafficPolicy": "Cluster"})
        base.setdefaults(spec, {"ipFamilyPolicy": "SingleStack"})
        spec.setdefault("ipFamilies", ["IPv4"])
        if spec["type"] in ("NodePort", "LoadBalancer"):
            base.setdefaults(spec, {"externalTrafficPolicy": "Cluster"})
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        kind = spec["type"]
        causes: base.Causes = []
        ports = spec.get("ports") or []
        if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
            causes.append(status.required("spec.ports"))
        causes += _validate_ports(ports)
        if kind not in TYPES:
            causes.append(status.not_supported("spec.type", kind, TYPES))
        if spec["sessionAffinity"] not in ("ClientIP", "None"):
            causes.append(
                status.not_supported(
                    "spec.sessionAffinity", spec["sessionAffinity"], ["ClientIP", "None"]
                )
            )
        if kind == "ExternalName" and not spec.get("externalName"):
            causes.append(status.required("spec.externalName"))
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        new, before = obj["spec"], old["spec"]
        if "ExternalName" in (new["type"], before["type"]):
            return []
        return base.immutable("spec.clusterIPs[0]", new.get("clusterIP"), before.get("clusterIP"))

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.clusterIP": spec.get("clusterIP") or "", "spec.type": spec.get("type") or ""}


def _validate_ports(ports: Sequence[base.Object]) -> base.Causes:
    causes: base.Causes = []
    seen: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for position, port in enumerate(ports):
        path = f"spec.ports[{position}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            causes.append(status.required(f"{path}.name"))
        elif name:
            causes += base.problems(f"{path}.name", name, names.label_problems(name))
            if name in seen:
                causes.append(status.duplicate(f"{path}.name", name))
        seen.add(name)
        causes += base.port_causes(f"{path}.port", port.get("port", 0))
        if port["protocol"] not in ("SCTP", "TCP", "UDP"):
            causes.append(
                status.not_supported(f"{path}.protocol", port["protocol"], ["SCTP", "TCP", "UDP"])
            )
        if isinstance(port["targetPort"], int):
            causes += base.port_causes(f"{path}.targetPort", port["targetPort"])
        number = (port.get("port"), port["protocol"])
        if number in numbers:
            causes.append(
                status.duplicate(path, {"port": port.get("port"), "protocol": port["protocol"]})
            )
        numbers.add(number)
    return causes


def _allocate(obj: base.Object, old: base.Object | None, around: base.Surroundings) -> None:
    """Give the Service its cluster address and node ports; raises ``status.Invalid``."""
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    others = [
        service["spec"]
        for service in around.objects.staged(gvk.SERVICES)
        if old is None or service["metadata"]["uid"] != old["metadata"]["uid"]
    ]
    if spec["type"] == "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(field, None)
    else:
        kept = ((old or {}).get("spec") or {}).get("clusterIP")
        if not kept or spec.get("clusterIP") != kept:
            _allocate_address(spec, name, {other.get("clusterIP") for other in others})
        spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] == "NodePort" or (
        spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts")
    ):
        taken = {port.get("nodePort") for other in others for port in other.get("ports") or ()}
        before = {
            (port.get("port"), port.get("protocol")): port.get("nodePort")
            for port in ((old or {}).get("spec") or {}).get("ports") or ()
        }
        for position, port in enumerate(spec.get("ports") or ()):
            known = before.get((port.get("port"), port.get("protocol")))
            _allocate_node_port(port, f"spec.ports[{position}]", name, taken, known)
    elif spec["type"] == "ClusterIP":
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)


def _allocate_address(spec: base.Object, name: str, taken: set[Any]) -> None:
    address = spec.get("clusterIP")
    if not address:
        free = (str(host) for host in CLUSTER_RANGE.hosts() if str(host) not in taken)
        spec["clusterIP"] = next(free)
    elif address != "None":
        _check_address(address, name, taken)


def _check_address(address: str, name: str, taken: set[Any]) -> None:
    why = ""
    try:
        inside = ipaddress.IPv4Address(address) in CLUSTER_RANGE
    except ValueError:
        why = "must be a valid IP address"
        inside = True
    if not inside:
        why = (
            f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid "
            f"range. The range of valid IPs is {CLUSTER_RANGE}"
        )
    elif address in taken:
        why = f"failed to allocate IP {address}: provided IP is already allocated"
    if why:
        cause = status.invalid_value("spec.clusterIPs", [address], why)
        raise status.invalid("", "Service", name, [cause])


def _allocate_node_port(
    port: base.Object, path: str, name: str, taken: set[Any], known: Any
) -> None:
    wanted = port.get("nodePort") or known
    if not wanted:
        wanted = next(number for number in NODE_PORTS if number not in taken)
    elif wanted not in NODE_PORTS:
        cause = status.invalid_value(
            f"{path}.nodePort",
            wanted,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        )
        raise status.invalid("", "Service", name, [cause])
    elif wanted in taken and wanted != known:
        cause = status.invalid_value(
            f"{path}.nodePort", wanted, "provided port is already allocated"
        )
        raise status.invalid("", "Service", name, [cause])
    port["nodePort"] = wanted
    taken.add(wanted)
