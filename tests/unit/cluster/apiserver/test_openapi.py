"""The index and the documents, as kubectl reads them."""

from typing import Any

import orjson
import pytest

from fission.base import clock
from fission.cluster.apiserver import openapi
from fission.cluster.apiserver.crd import definition, registry
from fission.meta import gvk


def a_definition(**version: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "description": "A gadget.",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {"size": {"type": "integer", "description": "How big."}},
            }
        },
    }
    crd = definition.prepare(
        {
            "metadata": {"name": "gadgets.demo.example.com", "uid": "1"},
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
        },
        None,
    )
    crd["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    return crd


@pytest.fixture
def definitions(objects: Any) -> registry.Registry:
    return registry.Registry(clock.ManualClock())


@pytest.fixture
def documents(definitions: registry.Registry) -> openapi.OpenAPI:
    builtins = [gvk.PODS, gvk.NAMESPACES, gvk.DEPLOYMENTS]
    return openapi.OpenAPI(lambda: builtins, definitions)


def document(documents: openapi.OpenAPI, path: str) -> dict[str, Any]:
    content = documents.document(path)
    assert content is not None
    loaded: dict[str, Any] = orjson.loads(content)
    return loaded


def test_the_index_addresses_each_group_version_by_its_content(
    documents: openapi.OpenAPI,
) -> None:
    index = documents.index()["paths"]

    assert list(index) == ["api/v1", "apis/apps/v1"]
    assert index["api/v1"] == {
        "serverRelativeURL": f"/openapi/v3/api/v1?hash={documents.hash_of('api/v1')}"
    }
    assert documents.document("apis/none/v1") is None


def test_a_patch_operation_of_the_kind_takes_field_validation(documents: openapi.OpenAPI) -> None:
    path = document(documents, "apis/apps/v1")["paths"][
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    ]

    assert path["patch"]["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }
    assert "fieldValidation" in [p["name"] for p in path["patch"]["parameters"]]
    cluster = document(documents, "api/v1")["paths"]
    assert "/api/v1/namespaces/{name}" in cluster


def test_every_reference_of_a_builtin_schema_resolves(documents: openapi.OpenAPI) -> None:
    loaded = document(documents, "apis/apps/v1")
    schemas = loaded["components"]["schemas"]
    text = orjson.dumps(loaded).decode()
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert references <= set(schemas)
    deployment = schemas["io.k8s.api.apps.v1.Deployment"]
    assert deployment["x-kubernetes-group-version-kind"][0]["kind"] == "Deployment"
    assert "spec" in deployment["properties"]


def test_a_definition_is_shown_with_its_own_schema_once_it_is_served(
    documents: openapi.OpenAPI, definitions: registry.Registry, objects: Any
) -> None:
    assert documents.document("apis/demo.example.com/v1") is None
    before = documents.hash_of("api/v1")
    objects.put(gvk.CRDS, a_definition())
    definitions.load(objects)

    schema = document(documents, "apis/demo.example.com/v1")["components"]["schemas"][
        "com.example.demo.v1.Gadget"
    ]

    assert schema["description"] == "A gadget."
    assert schema["properties"]["spec"]["properties"]["size"]["description"] == "How big."
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert documents.hash_of("api/v1") == before
