"""One rich schema, and what admission makes of objects: whole messages, as clients see them."""

import copy
from typing import Any

import pytest

from fission.cluster.apiserver import hooks
from fission.cluster.apiserver.crd import admission
from fission.meta import status

SKIPPED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation"
)

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["runtime"],
    "properties": {
        "runtime": {"type": "string", "enum": ["python", "go"]},
        "replicas": {
            "type": "integer",
            "format": "int32",
            "minimum": 0,
            "maximum": 5,
            "default": 1,
        },
        "low": {"type": "integer", "default": 0},
        "name": {"type": "string", "maxLength": 8, "minLength": 2, "pattern": "^[a-z]+$"},
        "note": {"type": "string", "nullable": True, "default": "none"},
        "word": {"type": "string", "default": "hello"},
        "port": {"x-kubernetes-int-or-string": True},
        "until": {"type": "string", "format": "date-time"},
        "every": {"type": "string", "format": "duration"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "set",
        },
        "pair": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {
                    "port": {"type": "integer"},
                    "protocol": {"type": "string", "default": "TCP"},
                    "weight": {
                        "type": "integer",
                        "x-kubernetes-validations": [
                            {"rule": "self >= oldSelf", "message": "weight never shrinks"}
                        ],
                    },
                },
            },
        },
        "source": {
            "type": "object",
            "properties": {"url": {"type": "string"}, "literal": {"type": "string"}},
            "oneOf": [{"required": ["url"]}, {"required": ["literal"]}],
        },
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "version": {
            "type": "integer",
            "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "version is immutable"}
            ],
        },
    },
    "x-kubernetes-validations": [
        {
            "rule": "self.low <= self.replicas",
            "message": "low must not exceed replicas",
            "fieldPath": ".low",
        },
        {
            "rule": "!has(self.name) || self.name.size() < 6",
            "messageExpression": "'name ' + self.name + ' is too long'",
            "reason": "FieldValueForbidden",
        },
    ],
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": SPEC,
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    },
}


@pytest.fixture(scope="module")
def schema() -> admission.Admission:
    scale = hooks.Scale(".spec.replicas", ".status.replicas")
    return admission.Admission("demo.example.com", "v1", "Gadget", SCHEMA, scale)


def a_gadget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "demo.example.com/v1",
        "kind": "Gadget",
        "metadata": {"name": "g", "labels": {"a": "b"}},
        "spec": {"runtime": "python"} | spec,
    }


def refusal(
    schema: admission.Admission, obj: dict[str, Any], old: dict[str, Any] | None = None
) -> str:
    with pytest.raises(status.Invalid) as caught:
        schema.admit(obj, old, "Warn")
    prefix = 'Gadget.demo.example.com "g" is invalid: '
    assert caught.value.message.startswith(prefix)
    return caught.value.message.removeprefix(prefix)


def test_a_valid_object_gets_its_defaults(schema: admission.Admission) -> None:
    given = a_gadget(ports=[{"port": 80}], note=None, word=None, port="http", free={"x": {"y": 1}})
    before = copy.deepcopy(given)

    admitted, warnings = schema.admit(given, None, "Warn")

    assert admitted["spec"] == {
        "runtime": "python",
        "ports": [{"port": 80, "protocol": "TCP"}],
        "note": None,
        "word": "hello",
        "port": "http",
        "free": {"x": {"y": 1}},
        "replicas": 1,
        "low": 0,
    }
    assert admitted["metadata"] == {"name": "g", "labels": {"a": "b"}}
    assert warnings == []
    assert given == before


def test_unknown_fields_are_dropped_with_a_warning(schema: admission.Admission) -> None:
    given = a_gadget(color="red", ports=[{"port": 1, "host": 2}], template={"any": 1})
    given["spec"]["template"] |= {"apiVersion": "v1", "kind": "Pod"}
    given["extra"] = {}

    admitted, warnings = schema.admit(given, None, "Warn")

    assert warnings == [
        'unknown field "spec.color"',
        'unknown field "spec.ports[0].host"',
        'unknown field "extra"',
    ]
    assert "color" not in admitted["spec"]
    assert admitted["spec"]["template"]["any"] == 1
    assert schema.admit(given, None, "Ignore")[1] == []


def test_strict_refuses_unknown_fields_before_anything_else(schema: admission.Admission) -> None:
    with pytest.raises(status.BadRequest) as caught:
        schema.admit(a_gadget(color="red", replicas=99), None, "Strict")
    assert caught.value.message == (
        'Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown '
        'field "spec.color"'
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtime": None}, "spec.runtime: Required value"),
        (
            {"runtime": "perl"},
            'spec.runtime: Unsupported value: "perl": supported values: "python", "go"',
        ),
        (
            {"tags": ["a", True]},
            'spec.tags[1]: Invalid value: "boolean": spec.tags[1] in body must be of type string: '
            '"boolean"',
        ),
        (
            {"labels": {"a": 1}},
            'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type '
            'string: "integer"',
        ),
        (
            {"port": 1.5},
            'spec.port: Invalid value: "number": spec.port in body must be of type '
            'integer,string: "number"',
        ),
        ({"pair": ["a", "b", "c"]}, "spec.pair: Too many: 3: must have at most 2 items"),
        ({"name": "a" * 9}, "spec.name: Too long: may not be more than 8 bytes"),
        (
            {"until": "tomorrow"},
            'spec.until: Invalid value: "tomorrow": spec.until in body must be of type date-time: '
            '"tomorrow"',
        ),
        (
            {"every": "often"},
            'spec.every: Invalid value: "often": spec.every in body must be of type duration: '
            '"often"',
        ),
        (
            {"template": {"kind": "Pod"}},
            "spec.template.apiVersion: Required value: must not be empty",
        ),
    ],
)
def test_a_schema_error_skips_the_rules_and_says_so(
    schema: admission.Admission, spec: dict[str, Any], message: str
) -> None:
    assert refusal(schema, a_gadget(**spec)) == f"[{message}, {SKIPPED}]"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"replicas": 6},
            "spec.replicas: Invalid value: 6: spec.replicas in body should be less than or equal "
            "to 5",
        ),
        (
            {"name": "a"},
            'spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long',
        ),
        (
            {"name": "AB"},
            "spec.name: Invalid value: \"AB\": spec.name in body should match '^[a-z]+$'",
        ),
        ({"tags": ["a", "b", "a"]}, 'spec.tags[2]: Duplicate value: "a"'),
        (
            {"ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]},
            'spec.ports[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
        ),
        (
            {"source": {"url": "u", "literal": "l"}},
            '<nil>: Invalid value: "": "spec.source" must validate one and only one schema '
            "(oneOf). Found 2 valid alternatives",
        ),
        ({"low": 3}, "spec.low: Invalid value: low must not exceed replicas"),
        ({"name": "abcdefg"}, "spec: Forbidden: name abcdefg is too long"),
    ],
)
def test_other_errors_stand_alone(
    schema: admission.Admission, spec: dict[str, Any], message: str
) -> None:
    assert refusal(schema, a_gadget(**spec)) == message


def test_oneof_without_a_match_shows_what_the_nearest_branch_misses(
    schema: admission.Admission,
) -> None:
    assert refusal(schema, a_gadget(source={})) == (
        '[<nil>: Invalid value: "": "spec.source" must validate one and only one schema (oneOf). '
        f"Found none valid, spec.source.url: Required value, {SKIPPED}]"
    )


def test_several_errors_come_sorted_by_path_with_a_cause_each(schema: admission.Admission) -> None:
    with pytest.raises(status.Invalid) as caught:
        schema.admit(a_gadget(runtime="x", replicas=-1, name="A9"), None, "Warn")

    causes = [(cause.reason, cause.field) for cause in caught.value.causes]
    assert causes == [
        ("FieldValueInvalid", "spec.name"),
        ("FieldValueInvalid", "spec.replicas"),
        ("FieldValueNotSupported", "spec.runtime"),
        ("FieldValueInvalid", ".spec.replicas"),
        ("FieldValueInvalid", "<nil>"),
    ]


def test_a_number_beyond_int32_is_named_with_its_format(schema: admission.Admission) -> None:
    assert (
        '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in '
        "spec.replicas" in refusal(schema, a_gadget(replicas=2**31))
    )


def test_a_transition_rule_needs_an_old_value(schema: admission.Admission) -> None:
    old, _ = schema.admit(a_gadget(version=1), None, "Warn")

    assert refusal(schema, a_gadget(version=2), old) == (
        "spec.version: Invalid value: version is immutable"
    )
    schema.admit(a_gadget(), old, "Warn")
    schema.admit(a_gadget(version=2), a_gadget(), "Warn")


def test_items_of_a_map_list_find_their_old_selves_by_key(schema: admission.Admission) -> None:
    old, _ = schema.admit(a_gadget(ports=[{"port": 1, "weight": 5}, {"port": 2}]), None, "Warn")
    shrunk = a_gadget(ports=[{"port": 2, "weight": 1}, {"port": 1, "weight": 4}])

    assert refusal(schema, shrunk, old) == (
        "spec.ports[1].weight: Invalid value: weight never shrinks"
    )


def test_an_update_is_not_blamed_for_what_it_left_alone(schema: admission.Admission) -> None:
    stored = a_gadget(replicas=9, name="AB", tags=["a", "a"])

    changed = copy.deepcopy(stored)
    changed["spec"]["word"] = "bye"
    admitted, _ = schema.admit(changed, stored, "Warn")
    assert admitted["spec"]["word"] == "bye"

    changed["spec"]["tags"] = ["b", "b"]
    assert refusal(schema, changed, stored) == 'spec.tags[1]: Duplicate value: "b"'


def test_null_where_an_object_is_required(schema: admission.Admission) -> None:
    given = a_gadget()
    given["spec"] = None
    assert refusal(schema, given) == f"[spec: Required value, {SKIPPED}]"
