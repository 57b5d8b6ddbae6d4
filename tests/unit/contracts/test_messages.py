import json

import pytest

from fission.api import function_types, objects, package_types
from fission.contracts import (
    builder,
    controller,
    environment,
    executor,
    fetcher,
    gojson,
    invocation,
    storage,
)
from fission.meta import objectmeta

SPECIALIZE = {
    "FetchReq": {
        "fetchType": 1,
        "package": {"name": "hello-pkg", "namespace": "default", "resourceVersion": "42"},
        "url": "",
        "storagesvcurl": "",
        "filename": "deployarchive",
        "keeparchive": False,
    },
    "LoadReq": {
        "filepath": "/userfunc/deployarchive",
        "functionName": "hello.main",
        "url": "",
        "FunctionMetadata": {"name": "hello", "uid": "u-1", "generation": 1},
        "envVersion": 3,
    },
}


def test_the_request_of_the_contract_is_read_and_written():
    request = fetcher.decode_specialize(json.dumps(SPECIALIZE).encode())

    assert request.fetch.package.name == "hello-pkg"
    assert request.load.function_metadata.uid == "u-1"
    assert json.loads(fetcher.encode(request)) == SPECIALIZE


def test_names_match_in_any_case_null_is_absent_and_the_unknown_is_ignored():
    body = {
        "fetchreq": {
            "FETCHTYPE": 0,
            "Package": {"Name": "p", "creationTimestamp": None, "managedFields": None},
            "secretList": None,
            "storageSvcUrl": "http://s",
            "tomorrow": True,
        },
        "loadreq": {"functionmetadata": None},
    }

    request = fetcher.decode_specialize(json.dumps(body).encode())

    assert request.fetch.fetch_type == fetcher.FETCH_SOURCE
    assert request.fetch.package.name == "p"
    assert request.fetch.secret_list == []
    assert request.fetch.storagesvc_url == "http://s"
    assert request.load.function_metadata is None


def test_keys_of_maps_are_data_and_keep_their_case():
    function = executor.decode_function(
        b'{"METADATA": {"Labels": {"Team": "A", "team": "b"}},'
        b' "spec": {"podspec": {"HostNetwork": 1}}}'
    )

    assert function.metadata.labels == {"Team": "A", "team": "b"}
    assert function.spec.podspec == {"HostNetwork": 1}


def test_our_own_fields_say_where_the_archive_is():
    request = fetcher.FunctionSpecializeRequest(
        fetch=fetcher.FunctionFetchRequest(
            archive=package_types.Archive(type="literal", literal=b"code"),
            function_uid="u-1",
            package_resource_version="42",
        ),
        load=environment.FunctionLoadRequest(requests_per_pod=2),
    )

    body = fetcher.encode(request)

    assert json.loads(body)["FetchReq"]["archive"] == {"type": "literal", "literal": "Y29kZQ=="}
    assert json.loads(body)["LoadReq"]["requestsPerPod"] == 2
    assert fetcher.decode_specialize(body) == request


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"FetchReq": 5}', b'{"LoadReq": {"envVersion": "x"}}']
)
def test_what_is_not_the_message_is_refused(body):
    with pytest.raises(gojson.MessageError):
        fetcher.decode_specialize(body)


def test_taps_are_capitalised():
    taps = [
        executor.TapServiceRequest(
            metadata=objectmeta.ObjectMeta(name="f"),
            executor_type="poolmgr",
            service_url="http://127.0.0.2:8888",
        )
    ]

    body = executor.encode(taps)

    assert body == (
        b'[{"FnMetadata":{"name":"f"},"FnExecutorType":"poolmgr",'
        b'"ServiceURL":"http://127.0.0.2:8888"}]'
    )
    assert executor.decode_taps(body) == taps


def test_a_function_travels_whole():
    function = function_types.Function()
    function.metadata.name = "f"
    body = executor.encode(objects.encode(function))

    assert executor.decode_function(body) == function


def test_capacity_is_asked_for_with_what_was_seen():
    body = b'{"function":{"metadata":{"name":"f"}},"observedReadyEndpoints":2}'

    request = executor.decode_ensure_capacity(body)

    assert request.function.metadata.name == "f"
    assert (request.observed_ready_endpoints, request.observed_busy_endpoints) == (2, 0)


@pytest.mark.parametrize(
    ("name", "namespace", "suffix", "sub_path", "path"),
    [
        ("f", "default", "", "", "/fission-function/f"),
        ("f", "", "", "", "/fission-function/f"),
        ("f", "ns1", "", "", "/fission-function/ns1/f"),
        ("f", "ns1", "prod", "/a/b", "/fission-function/ns1/f:prod/a/b"),
        ("f", "default", "f-v3", "a", "/fission-function/f:f-v3/a"),
    ],
)
def test_functions_have_internal_paths(name, namespace, suffix, sub_path, path):
    assert invocation.function_path(name, namespace, suffix, sub_path) == path


def test_an_error_of_the_router_is_told_from_an_answer_of_the_function():
    error = invocation.ErrorBody(component="executor", reason="capacity_exceeded", request_id="r")

    assert invocation.decode_error(invocation.encode_error(error)) == error
    assert invocation.decode_error(b'{"reason": "mine"}') is None
    assert invocation.decode_error(b"<html>") is None


def test_archive_ids_are_escaped_and_found_again():
    archive_id = "/fission/fission-functions/1-2"
    url = storage.archive_url("http://storagesvc.fission/", archive_id)

    assert url == ("http://storagesvc.fission/v1/archive?id=%2Ffission%2Ffission-functions%2F1-2")
    assert storage.archive_id(url) == archive_id
    assert storage.archive_id("http://example.com/code.zip") is None


def test_a_file_name_cannot_leave_its_header():
    _, head, _ = storage.multipart('a"b\r\nX: y', "B")

    assert head.count(b"\r\n") == 4
    assert b'filename="a\\"bX: y"' in head


def test_build_commands_are_split_and_not_run_by_a_shell():
    assert builder.parse_command("build --fast") == ["build", "--fast"]
    assert builder.parse_command("") == ["/build"]
    with pytest.raises(builder.CommandError, match=r"contains ';'"):
        builder.parse_command("build; rm -rf /")


def test_paths_of_the_controller():
    assert controller.object_path("Function", "f", "ns") == "/v2/functions/f?namespace=ns"
    assert controller.list_path("HTTPTrigger", "") == "/v2/triggers/http?namespace="
    assert controller.invocation_target("/fission-function/f?a=b") == (
        "/proxy/router/fission-function/f?a=b"
    )
    with pytest.raises(ValueError, match="does not call a function"):
        controller.invocation_target("/v1/async/dlq/list")
