"""TimeTrigger: calls a function at the times of a cron expression."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta


class TimeTriggerSpec(schema.Model):
    """When what is called."""

    required: ClassVar[tuple[str, ...]] = ("cron", "functionref")
    written: ClassVar[tuple[str, ...]] = ("cron", "function_ref")

    cron: Annotated[
        str,
        schema.doc(
            "Five fields, or six with seconds first; `@daily`, `@every 1m`; `CRON_TZ=Area/City `.",
            minLength=1,
        ),
    ] = ""
    function_ref: Annotated[reference_types.FunctionReference, schema.doc("What is called.")] = (
        field(default_factory=reference_types.FunctionReference, name="functionref")
    )
    method: Annotated[str, schema.doc("Method of the call.", default="POST")] = ""
    sub_path: Annotated[str, schema.doc("Path that the function sees.", default="/")] = field(
        default="", name="subpath"
    )


class TimeTriggerStatus(reference_types.TriggerStatus):
    """What is known of a time trigger. Written by the timer."""


class TimeTrigger(schema.Model):
    """A time trigger."""

    api_version: str = "fission.io/v1"
    kind: str = "TimeTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: TimeTriggerSpec = msgspec.field(default_factory=TimeTriggerSpec)
    status: TimeTriggerStatus = msgspec.field(default_factory=TimeTriggerStatus)
