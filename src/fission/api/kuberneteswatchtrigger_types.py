"""KubernetesWatchTrigger: calls a function when objects of a namespace change."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

FIXED_TYPES: Final = ("POD", "SERVICE", "REPLICATIONCONTROLLER", "JOB")
"""Kinds that Fission knows; others are looked up in what the cluster serves."""


class KubernetesWatchTriggerSpec(schema.Model):
    """What is watched and what is called."""

    required: ClassVar[tuple[str, ...]] = ("namespace", "type", "functionref")
    written: ClassVar[tuple[str, ...]] = ("namespace", "type", "function_ref")

    namespace: Annotated[str, schema.label("Namespace that is watched; the trigger's own.")] = ""
    type: Annotated[
        str,
        schema.doc(
            "What is watched: plural, singular, kind or short name in any case, as in `pod`,"
            " `service`, `replicationcontroller` and `job`; with its group as in"
            " `deployments.apps` where several have that name.",
            minLength=1,
        ),
    ] = ""
    label_selector: Annotated[dict[str, str], schema.doc("Labels that an object must have.")] = (
        field(default_factory=dict, name="labelselector")
    )
    function_ref: Annotated[reference_types.FunctionReference, schema.doc("What is called.")] = (
        field(default_factory=reference_types.FunctionReference, name="functionref")
    )


class WatchGap(schema.Model):
    """Changes that the function was not told of one by one."""

    at: Annotated[str, schema.doc("When that was found out, RFC 3339.")] = ""
    message: Annotated[str, schema.doc("What is not known, and what was done instead.")] = ""


class KubernetesWatchTriggerStatus(reference_types.TriggerStatus):
    """What is known of a watch. Written by the kubewatcher."""

    last_gap: Annotated[
        WatchGap | None, schema.doc("The latest gap in what the function was told; kept.")
    ] = None


class KubernetesWatchTrigger(schema.Model):
    """A watch trigger."""

    api_version: str = "fission.io/v1"
    kind: str = "KubernetesWatchTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: KubernetesWatchTriggerSpec = msgspec.field(default_factory=KubernetesWatchTriggerSpec)
    status: KubernetesWatchTriggerStatus = msgspec.field(
        default_factory=KubernetesWatchTriggerStatus
    )
