"""The EndpointSlices that a Service should have, and the writes towards them. Pure.

Which pods: those that the selector matches and that have an address, unless they have ended. Which
port: the one that the pod really listens on (``meta.podports``), so pods whose ports differ stand
in different slices. A pod that is going is not ready but may still serve.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fission.cluster.reconcilers import digests, podfacts
from fission.kube import actions
from fission.meta import gvk, labels, objectmeta, podports, selectors

Obj = dict[str, Any]
PortMapping = tuple[tuple[str, str, int, str], ...]
"""Name, protocol, port and application protocol of each Service port."""

MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGED_BY = "endpointslice-controller.k8s.io"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"
MAX_ENDPOINTS = 100
"""Endpoints in one slice; upstream's default."""
OWN_LABELS = (MANAGED_BY_LABEL, SERVICE_NAME_LABEL, HEADLESS_LABEL)


def plan(service: Obj, pods: Iterable[Obj], slices: Sequence[Obj]) -> list[actions.Action]:
    """The writes that make ``slices``, those of the Service that are ours, what they should be."""
    wanted = make_slices(service, pods)
    plans: list[actions.Action] = []
    rest = sorted(slices, key=objectmeta.name_of)
    taken = {objectmeta.name_of(one) for one in slices}
    for wish in wanted:
        known = _closest(rest, wish)
        if known is None:
            name = _free_name(service, taken)
            taken.add(name)
            named = {**wish, "metadata": {"name": name, **wish["metadata"]}}
            plans.append(actions.Create(gvk.ENDPOINTSLICES, named))
            continue
        rest.remove(known)
        changed = _merged(known, wish)
        if changed is not None:
            plans.append(actions.Update(gvk.ENDPOINTSLICES, changed))
    plans += [actions.delete_of(gvk.ENDPOINTSLICES, surplus) for surplus in rest]
    return plans


def has_selector(service: Obj) -> bool:
    """Without one, somebody else keeps the Service's endpoints."""
    spec = service.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def make_slices(service: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """The slices by port mapping; one without endpoints when no pod is there."""
    spec = service["spec"]
    selector = selectors.LabelSelector.from_labels(spec["selector"])
    chosen = [pod for pod in pods if selector.matches(labels.of(pod)) and _has_address(pod)]
    publish_all = bool(spec.get("publishNotReadyAddresses"))
    groups: dict[PortMapping, list[Obj]] = {}
    for pod in sorted(chosen, key=objectmeta.name_of):
        endpoint = make_endpoint(pod, publish_all)
        groups.setdefault(port_mapping(service, pod), []).append(endpoint)
    if not groups:
        return [_make_slice(service, None, None)]
    return [
        _make_slice(service, group[start : start + MAX_ENDPOINTS], ports)
        for ports, group in sorted(groups.items())
        for start in range(0, len(group), MAX_ENDPOINTS)
    ]


def port_mapping(service: Obj, pod: Obj) -> PortMapping:
    """The Service's ports as this pod has them; a named port that it lacks is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort")
        try:
            number = podports.resolve_port(pod, port["port"] if target in (None, 0) else target)
        except podports.UnknownPort:
            continue
        protocol = str(port.get("protocol") or "TCP")
        name, application = str(port.get("name") or ""), str(port.get("appProtocol") or "")
        found.append((name, protocol, number, application))
    return tuple(found)


def make_endpoint(pod: Obj, publish_not_ready: bool) -> Obj:
    going = objectmeta.is_deleting(pod)
    serving = podfacts.is_ready(pod)
    endpoint: Obj = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish_not_ready or (serving and not going),
            "serving": serving,
            "terminating": going,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": objectmeta.namespace_of(pod),
            "name": objectmeta.name_of(pod),
            "uid": objectmeta.uid_of(pod),
        },
    }
    node = (pod.get("spec") or {}).get("nodeName")
    if node:
        endpoint["nodeName"] = node
    hostname, subdomain = (pod["spec"].get(name) for name in ("hostname", "subdomain"))
    if hostname and subdomain:
        endpoint["hostname"] = hostname
    return endpoint


def _has_address(pod: Obj) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not podfacts.has_ended(pod)


def _make_slice(service: Obj, endpoints: list[Obj] | None, ports: PortMapping | None) -> Obj:
    name = objectmeta.name_of(service)
    own = {MANAGED_BY_LABEL: MANAGED_BY, SERVICE_NAME_LABEL: name}
    if service["spec"].get("clusterIP") == "None":
        own[HEADLESS_LABEL] = ""
    copied = {key: value for key, value in labels.of(service).items() if key not in OWN_LABELS}
    return {
        "apiVersion": gvk.ENDPOINTSLICES.api_version,
        "kind": gvk.ENDPOINTSLICES.kind,
        "metadata": {
            "generateName": f"{name}-",
            "namespace": objectmeta.namespace_of(service),
            "labels": {**copied, **own},
            "ownerReferences": [objectmeta.make_owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": None if ports is None else [_make_port(*port) for port in ports],
    }


def _make_port(name: str, protocol: str, number: int, application: str) -> Obj:
    port: Obj = {"name": name, "protocol": protocol, "port": number}
    if application:
        port["appProtocol"] = application
    return port


def _free_name(service: Obj, taken: set[str]) -> str:
    """The same name from the same view, so that a plan made twice creates one slice."""
    uid = objectmeta.uid_of(service)
    name = objectmeta.name_of(service)
    return next(
        candidate
        for number in itertools.count()
        if (candidate := f"{name}-{digests.short(f'{uid}/{number}', 5)}") not in taken
    )


def _closest(slices: Sequence[Obj], wish: Obj) -> Obj | None:
    """The slice to change into ``wish``: the one with its ports, else an empty one, else any."""
    for fits in (_same_ports, _is_empty, _any):
        for candidate in slices:
            if fits(candidate, wish):
                return candidate
    return None


def _same_ports(candidate: Obj, wish: Obj) -> bool:
    return bool((candidate.get("ports") or []) == (wish.get("ports") or []))


def _is_empty(candidate: Obj, wish: Obj) -> bool:
    return not candidate.get("endpoints")


def _any(candidate: Obj, wish: Obj) -> bool:
    return True


def _merged(known: Obj, wish: Obj) -> Obj | None:
    """``known`` with what is wished; None when it says that already."""
    metadata = known["metadata"]
    same_labels: Mapping[str, str] = wish["metadata"]["labels"]
    if (
        (known.get("endpoints") or []) == (wish["endpoints"] or [])
        and (known.get("ports") or []) == (wish["ports"] or [])
        and labels.of(known) == same_labels
    ):
        return None
    return {
        **known,
        "metadata": {**metadata, "labels": dict(same_labels)},
        "endpoints": wish["endpoints"],
        "ports": wish["ports"],
    }
