"""KubernetesWatchTrigger: calls a function when objects of a namespace change."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

FIXED_TYPES: Final = ("POD", "SERVICE", "REPLICATIONCONTROLLER", "JOB")
"""Kinds that can be named alone, in any case; others are named as ``deployments.apps``."""


class KubernetesWatchTriggerSpec(schema.Model):
    """What is watched and what is called."""

    required: ClassVar[tuple[str, ...]] = ("namespace", "type", "functionref")
    written: ClassVar[tuple[str, ...]] = ("namespace", "type", "function_ref")

    namespace: Annotated[str, schema.label("Namespace that is watched; the trigger's own.")] = ""
    type: Annotated[
        str,
        schema.doc(
            "`pod`, `service`, `replicationcontroller`, `job`, or a resource and its group as in"
            " `deployments.apps`.",
            minLength=1,
        ),
    ] = ""
    label_selector: Annotated[dict[str, str], schema.doc("Labels that an object must have.")] = (
        field(default_factory=dict, name="labelselector")
    )
    function_ref: Annotated[reference_types.FunctionReference, schema.doc("What is called.")] = (
        field(default_factory=reference_types.FunctionReference, name="functionref")
    )


class KubernetesWatchTriggerStatus(reference_types.TriggerStatus):
    """What is known of a watch. Written by the kubewatcher."""


class KubernetesWatchTrigger(schema.Model):
    """A watch trigger."""

    api_version: str = "fission.io/v1"
    kind: str = "KubernetesWatchTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: KubernetesWatchTriggerSpec = msgspec.field(default_factory=KubernetesWatchTriggerSpec)
    status: KubernetesWatchTriggerStatus = msgspec.field(
        default_factory=KubernetesWatchTriggerStatus
    )
