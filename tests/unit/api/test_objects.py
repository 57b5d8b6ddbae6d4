import pytest

from fission.api import (
    environment_types,
    function_types,
    httptrigger_types,
    objects,
    package_types,
    resources,
)
from fission.meta import codec

HELLO = {
    "apiVersion": "fission.io/v1",
    "kind": "Function",
    "metadata": {"name": "hello", "namespace": "default", "generation": 2},
    "spec": {
        "environment": {"namespace": "default", "name": "python"},
        "package": {
            "packageref": {"namespace": "default", "name": "hello-pkg", "resourceversion": "7"},
            "functionName": "hello.main",
        },
        "InvokeStrategy": {
            "StrategyType": "execution",
            "ExecutionStrategy": {"ExecutorType": "poolmgr", "SpecializationTimeout": 120},
        },
        "functionTimeout": 60,
        "idletimeout": 0,
        "concurrency": 500,
        "requestsPerPod": 1,
    },
}


def test_a_function_is_decoded_and_encoded_to_the_same_wire_form():
    function = objects.decode(function_types.Function, HELLO)

    assert function.metadata.name == "hello"
    assert function.spec.package.function_name == "hello.main"
    assert function.spec.invoke_strategy.execution_strategy.executor_type == "poolmgr"
    assert function.spec.idle_timeout == 0
    assert objects.encode(function) == HELLO


def test_unknown_fields_are_ignored_and_null_is_absent():
    wire = {**HELLO, "spec": {**HELLO["spec"], "secrets": None, "later": {"x": 1}}}

    function = objects.decode(function_types.Function, wire)

    assert function.spec.secrets == []


def test_a_wrong_type_is_named_with_its_path():
    wire = {**HELLO, "spec": {**HELLO["spec"], "functionTimeout": "long"}}

    with pytest.raises(codec.DecodeError, match=r"Expected `int`.*functionTimeout"):
        objects.decode(function_types.Function, wire)


def test_an_empty_block_says_something_when_its_presence_does():
    function = function_types.Function()
    function.spec.streaming = function_types.Streaming()

    assert objects.encode(function)["spec"]["streaming"] == {}


def test_fields_that_peers_expect_are_always_written():
    trigger = objects.encode(httptrigger_types.HTTPTrigger())

    assert trigger["spec"] == {"functionref": {"type": "name", "name": ""}, "relativeurl": ""}


def test_archives_travel_as_base64():
    package = package_types.Package()
    package.spec.deployment = package_types.Archive(type="literal", literal=b"code")

    wire = objects.encode(package)

    assert wire["spec"]["deployment"] == {"type": "literal", "literal": "Y29kZQ=="}
    assert objects.decode_any(wire) == package


def test_a_change_is_laid_over_fields_that_are_not_known():
    raw = {
        "apiVersion": "fission.io/v1",
        "kind": "Environment",
        "metadata": {"name": "python", "resourceVersion": "5"},
        "spec": {"version": 3, "runtime": {"image": "a", "later": 1}, "poolsize": 3, "new": [1]},
    }
    before = objects.decode(environment_types.Environment, raw)
    after = objects.decode(environment_types.Environment, raw)
    after.spec.runtime.image = "b"
    after.spec.pool_size = 0

    assert objects.overlay(raw, before, after) == {
        "apiVersion": "fission.io/v1",
        "kind": "Environment",
        "metadata": {"name": "python", "resourceVersion": "5"},
        "spec": {"version": 3, "runtime": {"image": "b", "later": 1}, "new": [1]},
    }


def test_overlaying_no_change_changes_nothing():
    raw = {**HELLO, "spec": {**HELLO["spec"], "later": {"x": 1}}}
    function = objects.decode(function_types.Function, raw)

    assert objects.overlay(raw, function, function) == raw


@pytest.mark.parametrize("resource", resources.ALL, ids=lambda each: each.kind)
def test_every_kind_survives_the_wire(resource):
    kind = resources.TYPES[resource.kind]

    wire = objects.encode(kind())

    assert wire["apiVersion"] == resource.api_version
    assert wire["kind"] == resource.kind
    assert objects.decode_any(wire) == kind()


def test_a_kind_that_is_not_ours_is_refused():
    with pytest.raises(codec.DecodeError, match="Unsupported value: 'Pod'"):
        objects.decode_any({"kind": "Pod"})


def test_merge_patches_say_only_what_changed():
    before = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1]}
    after = {"a": 1, "b": {"c": 3}, "e": [1, 2]}

    assert objects.merge_patch(before, after) == {"b": {"d": None, "c": 3}, "e": [1, 2]}
