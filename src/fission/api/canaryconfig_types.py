"""CanaryConfig: moves a trigger's traffic from one function to another, step by step."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

PENDING: Final = "pending"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
ABORTED: Final = "aborted"
STATUS_CODE: Final = "status-code"


class CanaryConfigSpec(schema.Model):
    """Which traffic goes where, and how fast."""

    required: ClassVar[tuple[str, ...]] = ("trigger", "newfunction", "oldfunction")
    written: ClassVar[tuple[str, ...]] = ("trigger", "new_function", "old_function")

    trigger: Annotated[str, schema.doc("HTTPTrigger with weighted functions.", minLength=1)] = ""
    new_function: Annotated[str, schema.doc("Function that gains traffic.", minLength=1)] = field(
        default="", name="newfunction"
    )
    old_function: Annotated[str, schema.doc("Function that loses traffic.", minLength=1)] = field(
        default="", name="oldfunction"
    )
    weight_increment: Annotated[
        int, schema.doc("Percent moved at each step; 0 is 20.", minimum=0, maximum=100)
    ] = field(default=0, name="weightincrement")
    duration: Annotated[str, schema.doc("Time between steps, such as `2m`.")] = ""
    failure_threshold: Annotated[
        int, schema.doc("Percent of failures that ends it.", minimum=0, maximum=100)
    ] = field(default=0, name="failurethreshold")
    failure_type: Annotated[
        str, schema.doc("What counts as a failure.", enum=["", STATUS_CODE])
    ] = ""


class RouterCount(schema.Model):
    """What one router process had counted for the new function when a window began."""

    router: Annotated[str, schema.doc("Its pod.")] = ""
    started: Annotated[str, schema.doc("When its process began; another is another count.")] = ""
    calls: Annotated[int, schema.doc("Calls.", minimum=0)] = 0
    errors: Annotated[int, schema.doc("Calls answered with 400 or above.", minimum=0)] = 0


class CanaryWindow(schema.Model):
    """The interval under way, with what it takes to judge it after a restart."""

    generation: Annotated[int, schema.doc("Of the spec that it began with.")] = 0
    trigger_uid: Annotated[str, schema.doc("UID of the HTTPTrigger.")] = ""
    new_weight: Annotated[int, schema.doc("Weight of the new function during it.")] = 0
    old_weight: Annotated[int, schema.doc("Weight of the old function during it.")] = 0
    since: Annotated[str, schema.doc("When it began, RFC 3339.")] = ""
    routers: Annotated[
        list[RouterCount], schema.doc("Counts as it began; none where Prometheus keeps them.")
    ] = field(default_factory=list)


class CanaryMove(schema.Model):
    """A change of weights that was decided on and is perhaps not made yet."""

    new_weight: Annotated[int, schema.doc("Weight of the new function after it.")] = 0
    old_weight: Annotated[int, schema.doc("Weight of the old function after it.")] = 0
    is_rollback: Annotated[bool, schema.doc("Whether it ends the canary.")] = False
    message: Annotated[str, schema.doc("Why.")] = ""


class CanaryConfigStatus(schema.Model):
    """How far it is. Written by canary."""

    status: Annotated[
        str, schema.doc("How far it is.", enum=["", PENDING, SUCCEEDED, FAILED, ABORTED])
    ] = ""
    window: Annotated[CanaryWindow | None, schema.doc("The interval under way.")] = None
    move: Annotated[CanaryMove | None, schema.doc("The change of weights under way.")] = None
    conditions: reference_types.Conditions = field(default_factory=list)


class CanaryConfig(schema.Model):
    """A canary deployment."""

    api_version: str = "fission.io/v1"
    kind: str = "CanaryConfig"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: CanaryConfigSpec = msgspec.field(default_factory=CanaryConfigSpec)
    status: CanaryConfigStatus = msgspec.field(default_factory=CanaryConfigStatus)
