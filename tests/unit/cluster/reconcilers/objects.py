"""Valid objects for tests of the reconcilers, with what matters as arguments."""

from __future__ import annotations

import datetime
from typing import Any

from fission.base import clock as clocks

NOW = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
THEN = "2026-01-01T11:00:00Z"


def a_template(image="web:1", labels=None):
    return {
        "metadata": {"labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    }


def an_owner(obj):
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def a_replicaset(name="web-1", *, replicas=1, owner=None, labels=None, **more: Any):
    labels = labels or {"app": "web"}
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": THEN,
        "labels": labels,
        **more.pop("metadata", {}),
    }
    if owner is not None:
        metadata["ownerReferences"] = [an_owner(owner)]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": a_template(labels=dict(labels)),
            **more.pop("spec", {}),
        },
        **more,
    }


def a_pod(
    name="web-1-a",
    *,
    owner=None,
    labels=None,
    ready=False,
    phase="Running",
    ip="127.1.0.1",
    deleting=False,
    created=THEN,
    ready_since=THEN,
    annotations=None,
    ports=((8080, "http"),),
    node="node-1",
):
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": created,
        "labels": {"app": "web"} if labels is None else labels,
    }
    if owner is not None:
        metadata["ownerReferences"] = [an_owner(owner)]
    if annotations:
        metadata["annotations"] = annotations
    if deleting:
        metadata["deletionTimestamp"] = THEN
    status: dict[str, Any] = {"phase": phase}
    if ip:
        status["podIP"] = ip
    status["conditions"] = [
        {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": ready_since,
        }
    ]
    container_ports = [{"containerPort": number, "name": port} for number, port in ports]
    spec: dict[str, Any] = {"containers": [{"name": "web", "ports": container_ports}]}
    if node:
        spec["nodeName"] = node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def a_deployment(name="web", *, replicas=2, image="web:1", strategy=None, **spec: Any):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": THEN,
            "labels": {"app": "web"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": a_template(image),
            "strategy": strategy
            or {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            **spec,
        },
        "status": {},
    }


def a_service(name="web", *, selector=None, ports=None, labels=None, **spec: Any):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": labels or {},
        },
        "spec": {
            "selector": {"app": "web"} if selector is None else selector,
            "ports": ports or [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
            **spec,
        },
    }


def later(seconds):
    return clocks.format_rfc3339(NOW + datetime.timedelta(seconds=seconds))
