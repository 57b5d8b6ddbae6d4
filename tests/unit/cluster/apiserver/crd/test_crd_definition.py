"""Definitions: their defaults, and everything that makes one invalid."""

from typing import Any

import pytest

from fission.cluster.apiserver.crd import definition
from fission.meta import status


def a_definition(schema: Any = None, **version: Any) -> dict[str, Any]:
    schema = {"type": "object"} if schema is None else schema
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.demo.example.com"},
        "spec": {
            "group": "demo.example.com",
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
                | version
            ],
        },
    }


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def refusal(crd: dict[str, Any], old: dict[str, Any] | None = None) -> str:
    with pytest.raises(status.Invalid) as caught:
        definition.prepare(crd, old)
    name = crd["metadata"]["name"]
    prefix = f'CustomResourceDefinition.apiextensions.k8s.io "{name}" is invalid: '
    assert caught.value.message.startswith(prefix)
    return caught.value.message.removeprefix(prefix)


def test_a_definition_gets_its_names_conversion_and_stored_version() -> None:
    prepared = definition.prepare(a_definition(), None)

    assert prepared["spec"]["names"] == {
        "plural": "gadgets",
        "kind": "Gadget",
        "singular": "gadget",
        "listKind": "GadgetList",
    }
    assert prepared["spec"]["conversion"] == {"strategy": "None"}
    assert prepared["status"] == {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": ["v1"],
    }


def test_the_name_is_plural_and_group() -> None:
    crd = a_definition()
    crd["metadata"]["name"] = "gizmos.demo.example.com"
    assert refusal(crd) == (
        'metadata.name: Invalid value: "gizmos.demo.example.com": must be '
        'spec.names.plural+"."+spec.group'
    )


def test_exactly_one_version_is_stored() -> None:
    assert "must have exactly one version marked as storage version" in refusal(
        a_definition(storage=False)
    )


def test_a_version_without_a_schema() -> None:
    assert (
        refusal(
            a_definition()
            | {"metadata": {"name": "gadgets.demo.example.com"}}
            | {
                "spec": a_definition()["spec"]
                | {"versions": [{"name": "v1", "served": True, "storage": True}]}
            }
        )
        == "spec.versions[0].schema.openAPIV3Schema: Required value"
    )


SCHEMA = "spec.validation.openAPIV3Schema"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({}, f"{SCHEMA}.type: Required value: must not be empty at the root"),
        (
            an_object(a={}),
            f"{SCHEMA}.properties[a].type: Required value: must not be empty for specified object "
            "fields",
        ),
        (
            an_object(a={"type": "array"}),
            f"{SCHEMA}.properties[a].items: Required value: must be specified",
        ),
        (
            an_object(a={"type": "strin"}),
            f'{SCHEMA}.properties[a].type: Unsupported value: "strin": supported values: "array", '
            '"boolean", "integer", "number", "object", "string"',
        ),
        (
            an_object(a={"type": "object", "oneOf": [{"type": "object"}]}),
            f"{SCHEMA}.properties[a].oneOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            an_object(
                a={
                    "type": "array",
                    "items": an_object(n={"type": "string"}),
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["n"],
                }
            ),
            f"{SCHEMA}.properties[a].items.properties[n].default: Required value: this property is "
            "in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
        (
            an_object(a={"type": "integer", "default": "x"}),
            f'{SCHEMA}.properties[a].default: Invalid value: "string": <nil> in body must be of '
            'type integer: "string"',
        ),
        (
            an_object(a={"type": "string", "x-kubernetes-validations": [{"rule": "self.b"}]})
            | {"x-kubernetes-validations": [{"rule": "self.b == 1"}]},
            f"{SCHEMA}.x-kubernetes-validations[0].rule: Invalid value: "
            '{"rule":"self.b == 1"}: compilation failed: ERROR: <input>:1:1: undefined field \'b\'',
        ),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": " "}]},
            f"{SCHEMA}.x-kubernetes-validations[0].rule: Required value: rule is not specified",
        ),
    ],
)
def test_a_schema_that_cannot_be_served_is_refused(schema: dict[str, Any], message: str) -> None:
    assert message in refusal(a_definition(schema))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            {"additionalPrinterColumns": [{"name": "A", "type": "text", "jsonPath": ".a"}]},
            'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text": '
            'supported values: "boolean", "date", "integer", "number", "string"',
        ),
        (
            {"additionalPrinterColumns": [{"name": "A", "type": "date", "jsonPath": "a"}]},
            'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: "a": must be a '
            "json path starting with a dot",
        ),
        (
            {
                "subresources": {
                    "scale": {"specReplicasPath": ".x", "statusReplicasPath": ".status.replicas"}
                }
            },
            'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".x": should be '
            "a json path under .spec",
        ),
        (
            {"selectableFields": [{"jsonPath": ".spec.items[*]"}]},
            'spec.versions[0].selectableFields[0].jsonPath: Invalid value: ".spec.items[*]": is '
            "an invalid path",
        ),
    ],
)
def test_columns_and_subresources_are_checked(version: dict[str, Any], message: str) -> None:
    assert refusal(a_definition(**version)) == message


def test_an_established_definition_keeps_its_scope_and_kind() -> None:
    old = definition.prepare(a_definition(), None)
    old["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    changed = a_definition()
    changed["spec"]["scope"] = "Cluster"

    assert refusal(changed, old) == 'spec.scope: Invalid value: "Cluster": field is immutable'


def test_a_version_that_may_be_stored_cannot_be_removed() -> None:
    old = definition.prepare(a_definition(), None)
    changed = a_definition(name="v2")
    changed["status"] = {"storedVersions": ["v1"]}

    assert refusal(changed, old) == (
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; objects may '
        "be stored in it"
    )
