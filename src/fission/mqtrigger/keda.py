"""What KEDA gets for a trigger: a Deployment, a ScaledObject, a TriggerAuthentication. Pure.

The connector in the Deployment reads the topic; KEDA scales it. All three belong to the trigger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import labels, messagequeuetrigger_defaults, messagequeuetrigger_types
from fission.contracts import invocation
from fission.meta import gvk

Obj = dict[str, Any]
Trigger = messagequeuetrigger_types.MessageQueueTrigger

GROUP: Final = "keda.sh"
SCALED_OBJECTS: Final = gvk.Resource(GROUP, "v1alpha1", "ScaledObject", "scaledobjects")
TRIGGER_AUTHENTICATIONS: Final = gvk.Resource(
    GROUP, "v1alpha1", "TriggerAuthentication", "triggerauthentications"
)
CRD_NAME: Final = "scaledobjects.keda.sh"
CONTAINER: Final = "connector"

_POD_FIELDS: Final = ("nodeSelector", "tolerations", "affinity", "runtimeClassName")
"""What a trigger's podspec may say of its connector; with the resources of its containers."""
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Options:
    """What the platform says about connectors."""

    router_url: str
    """Base URL of the router's internal listener, as pods name it."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Connector's image by the variable that names it, ``KAFKA_IMAGE``."""
    pull_policy: str = "IfNotPresent"


def image_variable(queue_type: str) -> str:
    """The variable that names a type's connector: the type in capitals, as it is."""
    return f"{queue_type.upper()}_IMAGE"


def image_of(queue_type: str, options: Options) -> str:
    """The connector of a type; empty when no variable names one. Where a variable cannot have a
    dash in its name, an underscore stands for it."""
    variable = image_variable(queue_type)
    found = options.images.get(variable) or options.images.get(variable.replace("-", "_"))
    return found or ""


def variable_of(key: str) -> str:
    """``bootstrapServers`` → ``BOOTSTRAP_SERVERS``."""
    return re.sub(r"[^A-Z0-9]+", "_", _HUMP.sub("_", key).upper()).strip("_")


def authentication_name(trigger: Trigger) -> str:
    """Name of the TriggerAuthentication."""
    return f"{trigger.metadata.name}-auth-trigger"


def deployment(trigger: Trigger, secret_keys: Iterable[str], options: Options) -> Obj:
    """The connector. KEDA sets its replicas."""
    name, chosen = trigger.metadata.name, {"app": trigger.metadata.name}
    container: Obj = {
        "name": CONTAINER,
        "image": image_of(trigger.spec.message_queue_type, options),
        "imagePullPolicy": options.pull_policy,
        "env": environment(trigger, secret_keys, options),
    }
    pod: Obj = {"containers": [container]}
    podspec = trigger.spec.podspec or {}
    pod |= {key: podspec[key] for key in _POD_FIELDS if podspec.get(key)}
    for declared in podspec.get("containers") or ():
        if declared.get("resources"):
            container["resources"] = declared["resources"]
    return {
        "apiVersion": gvk.DEPLOYMENTS.api_version,
        "kind": "Deployment",
        "metadata": _metadata(trigger, name),
        "spec": {
            "selector": {"matchLabels": chosen},
            "template": {"metadata": {"labels": chosen}, "spec": pod},
        },
    }


def environment(trigger: Trigger, secret_keys: Iterable[str], options: Options) -> list[Obj]:
    """Variables of the connector."""
    spec, metadata = trigger.spec, trigger.metadata
    reference = spec.function_ref
    suffix = reference.alias or reference.version
    path = invocation.function_path(reference.name, metadata.namespace, suffix)
    content_type = messagequeuetrigger_defaults.content_type(spec)
    values = {
        "TOPIC": spec.topic,
        "HTTP_ENDPOINT": options.router_url.rstrip("/") + path,
        "ERROR_TOPIC": spec.error_topic,
        "RESPONSE_TOPIC": spec.response_topic,
        "SOURCE_NAME": metadata.name,
        "MAX_RETRIES": str(spec.max_retries),
        "CONTENT_TYPE": content_type,
    }
    for key, value in sorted(spec.metadata.items()):
        values.setdefault(variable_of(key), value)
    variables: list[Obj] = [{"name": name, "value": value} for name, value in values.items()]
    for key in sorted(secret_keys):
        if variable_of(key) not in values:
            source = {"secretKeyRef": {"name": spec.secret, "key": key}}
            variables.append({"name": variable_of(key), "valueFrom": source})
    return variables


def scaled_object(trigger: Trigger) -> Obj:
    """How KEDA scales the connector."""
    spec, defaults = trigger.spec, messagequeuetrigger_defaults
    scaler: Obj = {"type": spec.message_queue_type, "metadata": dict(spec.metadata)}
    if spec.secret:
        scaler["authenticationRef"] = {"name": authentication_name(trigger)}

    def given(value: int | None, default: int) -> int:
        return default if value is None else value

    return {
        "apiVersion": SCALED_OBJECTS.api_version,
        "kind": SCALED_OBJECTS.kind,
        "metadata": _metadata(trigger, trigger.metadata.name),
        "spec": {
            "scaleTargetRef": {"name": trigger.metadata.name},
            "pollingInterval": given(spec.polling_interval, defaults.POLLING_INTERVAL_SECONDS),
            "cooldownPeriod": given(spec.cooldown_period, defaults.COOLDOWN_PERIOD_SECONDS),
            "minReplicaCount": given(spec.min_replica_count, defaults.MIN_REPLICAS),
            "maxReplicaCount": given(spec.max_replica_count, defaults.MAX_REPLICAS),
            "triggers": [scaler],
        },
    }


def trigger_authentication(trigger: Trigger, secret_keys: Iterable[str]) -> Obj:
    """Which credentials KEDA uses: every key of the trigger's Secret, under its own name."""
    return {
        "apiVersion": TRIGGER_AUTHENTICATIONS.api_version,
        "kind": TRIGGER_AUTHENTICATIONS.kind,
        "metadata": _metadata(trigger, authentication_name(trigger)),
        "spec": {
            "secretTargetRef": [
                {"parameter": key, "name": trigger.spec.secret, "key": key}
                for key in sorted(secret_keys)
            ]
        },
    }


def _metadata(trigger: Trigger, name: str) -> Obj:
    return {
        "name": name,
        "namespace": trigger.metadata.namespace,
        "labels": {
            "app": trigger.metadata.name,
            labels.MANAGED_BY: labels.MANAGED_BY_FISSION,
        },
        "ownerReferences": [
            {
                "apiVersion": trigger.api_version,
                "kind": trigger.kind,
                "name": trigger.metadata.name,
                "uid": trigger.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
