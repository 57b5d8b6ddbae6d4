"""The description of the API: a whole Swagger 2 document that says what the table serves."""

import json
import re

import jsonschema_rs
import pytest
import pytest_asyncio

from fission.api import resources
from fission.contracts import controller as contract
from tests.integration.controller import conftest as samples

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
PLACES = {"path", "query", "header", "body", "formData"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(controller):
    """What anybody gets."""
    answer = await controller.call("GET", "/v2/apidocs.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return answer.json


async def test_it_has_every_route_and_nothing_else(document, controller):
    served = {
        (route.path.replace("...}", "}"), route.method.lower()) for route in controller.app.routes
    }
    described = {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    assert described - {("/healthz", "get")} == served


async def test_it_is_a_swagger_document(document):
    assert document["swagger"] == "2.0"
    assert document["info"]["title"]
    identifiers = set()
    for path, methods in document["paths"].items():
        assert path.startswith("/")
        assert set(methods) <= METHODS
        for operation in methods.values():
            assert operation["summary"]
            assert operation["operationId"] not in identifiers
            identifiers.add(operation["operationId"])
            check_operation(path, operation)
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        assert reference.removeprefix("#/definitions/") in document["definitions"]


def check_operation(path, operation):
    parameters = operation.get("parameters", [])
    keys = [(each["in"], each["name"]) for each in parameters]
    assert len(keys) == len(set(keys))
    assert {each["in"] for each in parameters} <= PLACES
    assert {name for place, name in keys if place == "path"} == set(re.findall(r"{(\w+)}", path))
    assert [place for place, _ in keys].count("body") <= 1
    for each in parameters:
        assert ("schema" in each) == (each["in"] == "body")
        assert each["in"] != "path" or each["required"]
        assert each.get("type") != "file" or operation["consumes"] == ["multipart/form-data"]
    assert operation["responses"]
    for code, answer in operation["responses"].items():
        assert re.fullmatch(r"[1-5]\d\d", code)
        assert answer["description"]


async def test_every_kind_has_a_schema_that_real_objects_keep(document, kube):
    for kind, resource in resources.BY_KIND.items():
        schema = {**document["definitions"][kind], "definitions": document["definitions"]}
        assert not re.search("x-kubernetes|anyOf|oneOf", json.dumps(schema))
        validator = jsonschema_rs.Draft4Validator(schema)
        stored = await kube.create(resource, samples.sample(kind, "described"))
        validator.validate(stored)
        assert not validator.is_valid({**stored, "spec": "text"})
        path = document["paths"][contract.COLLECTIONS[kind]]
        assert path["get"]["responses"]["200"]["schema"]["items"] == {
            "$ref": f"#/definitions/{kind}"
        }
        assert path["post"]["responses"]["201"]["schema"] == {"$ref": "#/definitions/ObjectMeta"}
        assert path["post"]["responses"]["409"]["schema"] == {"$ref": "#/definitions/Status"}


async def test_what_needs_a_token_says_so(document):
    assert document["security"] == [{"bearer": []}]
    assert document["paths"]["/"]["get"]["security"] == []
    for operation in document["paths"]["/v2/functions"].values():
        assert "security" not in operation
        assert {"401", "403"} <= set(operation["responses"])
        assert "functions" in operation["description"]
