"""Types that several kinds share: references to functions and environments, status conditions."""

from typing import Annotated, Any, ClassVar, Final

from msgspec import field

from fission.api import schema

BY_NAME: Final = "name"
BY_WEIGHT: Final = "function-weights"


class FunctionReference(schema.Model):
    """The function, or the weighted functions, that a trigger calls; always in its namespace."""

    written: ClassVar[tuple[str, ...]] = ("type", "name")
    required: ClassVar[tuple[str, ...]] = ("type", "name")

    type: Annotated[
        str,
        schema.doc(
            "How functions are named: one by `name`, or several by `functionweights`.",
            enum=[BY_NAME, BY_WEIGHT],
        ),
    ] = BY_NAME
    name: Annotated[
        str, schema.label_or_empty("Name of the function; empty for `function-weights`.")
    ] = ""
    alias: Annotated[
        str, schema.label_or_empty("FunctionAlias to call; only by `name`, not with `version`.")
    ] = ""
    version: Annotated[
        str, schema.label_or_empty("FunctionVersion to call; only by `name`, not with `alias`.")
    ] = ""
    function_weights: Annotated[
        dict[str, int] | None,
        schema.doc("Relative weight of each function, for `function-weights`.", nullable=True),
    ] = field(default=None, name="functionweights")


class EnvironmentReference(schema.Model):
    """Names an Environment; its namespace is the one of the object that refers to it."""

    written: ClassVar[tuple[str, ...]] = ("namespace", "name")
    required: ClassVar[tuple[str, ...]] = ("namespace",)

    namespace: Annotated[str, schema.doc("Namespace of the environment.")] = ""
    name: Annotated[str, schema.label_or_empty("Name of the environment.")] = ""


Condition = dict[str, Any]
"""A ``metav1.Condition`` in wire form; ``meta.conditions`` reads and sets it."""

CONDITION_SCHEMA: Final[schema.Hints] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    "items": {
        "type": "object",
        "required": ["type", "status", "lastTransitionTime", "reason", "message"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
        },
    },
}

Conditions = Annotated[
    list[Condition],
    schema.doc("What is known of the object, one entry per type.", **CONDITION_SCHEMA),
]
ObservedGeneration = Annotated[
    int,
    schema.doc("The generation of the spec that this status speaks of.", format="int64"),
]


class Status(schema.Model):
    """The status that most kinds have: conditions, and the generation they were seen at."""

    observed_generation: ObservedGeneration = 0
    conditions: Conditions = field(default_factory=list)


class DeliveryError(schema.Model):
    """Why an event did not reach its function."""

    at: Annotated[str, schema.doc("When, RFC 3339.")] = ""
    message: Annotated[str, schema.doc("What happened, with the function's status.")] = ""


class Delivery(schema.Model):
    """What a trigger has handed over since it was made. Counts lag some seconds behind."""

    delivered: Annotated[int, schema.doc("Events that the function accepted.", format="int64")] = 0
    failed: Annotated[int, schema.doc("Events given up, after every attempt.", format="int64")] = 0
    last_delivered: Annotated[str, schema.doc("When the function last accepted one, RFC 3339.")] = (
        ""
    )
    last_error: Annotated[
        DeliveryError | None, schema.doc("The latest failed attempt; kept after successes.")
    ] = None
    lag: Annotated[
        int | None,
        schema.doc(
            "Events that wait to be handed over; absent where nobody knows.", format="int64"
        ),
    ] = None


class TriggerStatus(Status):
    """The status of whatever calls a function."""

    delivery: Annotated[
        Delivery | None, schema.doc("What was handed over; absent before the first event.")
    ] = None
