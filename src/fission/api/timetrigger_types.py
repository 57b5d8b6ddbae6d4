"""TimeTrigger: calls a function at the times of a cron expression."""

from typing import Annotated, ClassVar, Final

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


_INSTANT: Final[schema.Hints] = {"maxLength": 64}


class TimeTriggerStatus(reference_types.TriggerStatus):
    """What is known of a time trigger. Written by the timer."""

    cron: Annotated[str, schema.doc("The expression that these times follow.")] = ""
    since: Annotated[
        str,
        schema.doc(
            "Ticks after this count: creation, the last change of `cron`, or the last tick that "
            "was too late to be fired.",
            **_INSTANT,
        ),
    ] = ""
    last_fire_time: Annotated[
        str,
        schema.doc("The latest tick that a timer claimed; no tick is claimed twice.", **_INSTANT),
    ] = ""
    last_settled_time: Annotated[
        str, schema.doc("The latest tick whose outcome is in `delivery`.", **_INSTANT)
    ] = ""
    next_fire_time: Annotated[str, schema.doc("The tick to come.", **_INSTANT)] = ""
    claimed_by: Annotated[str, schema.doc("The timer process that claimed the latest tick.")] = ""
    missed: Annotated[
        int, schema.doc("Ticks that went by while nobody could fire them.", format="int64")
    ] = 0
    unknown: Annotated[
        int,
        schema.doc("Claimed ticks of which nobody knows whether they arrived.", format="int64"),
    ] = 0


class TimeTrigger(schema.Model):
    """A time trigger."""

    api_version: str = "fission.io/v1"
    kind: str = "TimeTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: TimeTriggerSpec = msgspec.field(default_factory=TimeTriggerSpec)
    status: TimeTriggerStatus = msgspec.field(default_factory=TimeTriggerStatus)
