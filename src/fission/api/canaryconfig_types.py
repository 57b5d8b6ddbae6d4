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
        int, schema.doc("Percent that is moved at each step.", minimum=0, maximum=100)
    ] = field(default=0, name="weightincrement")
    duration: Annotated[str, schema.doc("Time between steps, such as `2m`.")] = ""
    failure_threshold: Annotated[
        int, schema.doc("Percent of failures that ends it.", minimum=0, maximum=100)
    ] = field(default=0, name="failurethreshold")
    failure_type: Annotated[
        str, schema.doc("What counts as a failure.", enum=["", STATUS_CODE])
    ] = ""


class CanaryConfigStatus(schema.Model):
    """How far it is. Written by canary."""

    status: Annotated[
        str, schema.doc("How far it is.", enum=["", PENDING, SUCCEEDED, FAILED, ABORTED])
    ] = ""
    conditions: reference_types.Conditions = field(default_factory=list)


class CanaryConfig(schema.Model):
    """A canary deployment."""

    api_version: str = "fission.io/v1"
    kind: str = "CanaryConfig"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: CanaryConfigSpec = msgspec.field(default_factory=CanaryConfigSpec)
    status: CanaryConfigStatus = msgspec.field(default_factory=CanaryConfigStatus)
