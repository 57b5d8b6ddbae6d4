"""The REST API that clients without Kubernetes credentials use, with real tokens, on the wire."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import platform as platforms

Rest = Callable[..., platforms.Answer]

pytestmark = pytest.mark.usefixtures("kubectl")


def token(platform: platforms.Platform, account: str) -> str:
    words = ("create", "token", account, "--audience", "fission-controller")
    return platform.kubectl(*words).strip()


@pytest.fixture(scope="module")
def rest(platform: platforms.Platform) -> Rest:
    """Calls the API as an account that may do everything."""
    platform.kubectl("create", "serviceaccount", "rest")
    platform.kubectl(
        *("create", "clusterrolebinding", "rest", "--clusterrole", "cluster-admin"),
        *("--serviceaccount", "default:rest"),
    )
    bearer = f"Bearer {token(platform, 'rest')}"
    base = platform.status()["controller"]

    def call(method: str, path: str, body: Any = b"", **headers: str) -> platforms.Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return platforms.call(base + path, method, data, {"Authorization": bearer, **headers})

    return call


def environment(name: str, namespace: str = "default", poolsize: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "version": 3,
            "poolsize": poolsize,
            "runtime": {"image": "fission/python-env"},
        },
    }


def package(name: str, source: bytes, namespace: str = "default") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "environment": {"name": "python", "namespace": "default"},
            "deployment": {"type": "literal", "literal": base64.b64encode(source).decode()},
        },
    }


def function(name: str, package_name: str) -> dict[str, Any]:
    reference = {"name": package_name, "namespace": "default"}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "environment": {"name": "python", "namespace": "default"},
            "package": {"packageref": reference, "functionName": "main"},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": "poolmgr"},
            },
        },
    }


def trigger(name: str, url: str, function_name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "relativeurl": url,
            "methods": ["GET"],
            "functionref": {"type": "name", "name": function_name},
        },
    }


def test_a_function_from_package_to_answer(platform: platforms.Platform, rest: Rest) -> None:
    source = b"def main():\n    print('said so')\n    return 'by rest'\n"
    made = rest("POST", "/v2/packages", package("rest-code", source))
    assert made.status == 201
    metadata = json.loads(made.text)
    assert (metadata["name"], metadata["namespace"]) == ("rest-code", "default")
    assert rest("POST", "/v2/functions", function("by-rest", "rest-code")).status == 201
    assert (
        rest("POST", "/v2/triggers/http", trigger("by-rest", "/by-rest", "by-rest")).status == 201
    )

    assert platform.wait_call("/by-rest").text == "by rest"

    raw = rest("GET", "/v2/packages/rest-code?raw=1")
    assert raw.headers["Content-Type"] == "application/octet-stream"
    assert raw.body == source
    listed = json.loads(rest("GET", "/v2/functions?namespace=default").text)
    assert "by-rest" in [each["metadata"]["name"] for each in listed]
    pods = platforms.eventually(
        lambda: json.loads(rest("GET", "/v2/functions/by-rest/pods").text)["items"]
    )
    assert pods[0]["metadata"]["labels"]["functionName"] == "by-rest"
    logs = rest("POST", "/proxy/logs/by-rest?namespace=default").text
    assert "=" * 35 in logs
    assert "said so" in logs
    assert rest("POST", "/proxy/logs/by-rest?container=python").text == "said so\n"

    again = rest("POST", "/v2/triggers/http", trigger("by-rest-2", "/by-rest", "by-rest"))
    assert again.status == 409
    for path in ("triggers/http/by-rest", "functions/by-rest", "packages/rest-code"):
        gone = rest("DELETE", f"/v2/{path}?namespace=default")
        assert (gone.status, gone.body) == (200, b"")
        assert rest("GET", f"/v2/{path}").status == 404


def test_updates_conflicts_and_namespaces_that_come_by_themselves(rest: Rest) -> None:
    made = rest("POST", "/v2/environments", environment("rest-env", "rest-team"))
    assert made.status == 201
    assert rest("POST", "/v2/environments", environment("rest-env", "rest-team")).status == 409
    path = "/v2/environments/rest-env"
    stored = json.loads(rest("GET", f"{path}?namespace=rest-team").text)

    changed = {**stored, "spec": {**stored["spec"], "poolsize": 2}}
    updated = rest("PUT", path, changed)
    assert updated.status == 200
    assert json.loads(updated.text)["generation"] == 2
    stale = rest("PUT", path, changed)
    assert stale.status == 409
    assert "the object has been modified" in stale.text
    assert rest("PUT", "/v2/environments/another", changed).status == 400
    assert rest("DELETE", f"{path}?namespace=rest-team").status == 200


def test_errors_are_plain_text_that_says_what_is_wrong(rest: Rest) -> None:
    invalid = environment("invalid")
    invalid["spec"]["version"] = 9
    too_big = package("too-big", bytes(300_000))
    for method, path, body, status, said in (
        ("GET", "/v2/functions/nowhere", b"", 404, '"nowhere" not found'),
        ("GET", "/v2/nowhere", b"", 404, "404 page not found"),
        ("GET", "/v1/functions", b"", 404, "/v2"),
        ("PATCH", "/v2/functions", b"", 405, "405 method not allowed"),
        ("POST", "/v2/functions", b"{no", 400, "not JSON"),
        ("POST", "/v2/functions", b"", 400, "not JSON"),
        ("POST", "/v2/environments", invalid, 422, "spec.version"),
        ("POST", "/v2/packages", too_big, 400, "/proxy/storage/v1/archive"),
        ("POST", "/v2/packages", bytes(4 << 20), 413, "body larger than"),
        ("GET", "/v2/secrets/nowhere", b"", 404, "not found"),
        ("POST", "/proxy/logs/nowhere", b"", 404, "no active pods"),
        ("GET", "/proxy/svcname?application=nowhere", b"", 404, "application=nowhere"),
    ):
        answer = rest(method, path, body)
        assert (path, answer.status) == (path, status)
        assert said in answer.text
        assert answer.headers["Content-Type"].startswith("text/plain")


def test_archives_go_up_and_come_back(rest: Rest) -> None:
    content = bytes(range(256)) * 2000
    form = (
        b'--x\r\nContent-Disposition: form-data; name="uploadfile"; filename="a"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--x--\r\n"
    )
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    upload = "/proxy/storage/v1/archive"
    assert rest("POST", upload, form, **multipart).status == 400

    made = rest("POST", upload, form, **multipart, **{"X-File-Size": str(len(content))})
    assert made.status == 200
    path = f"{upload}?id={urllib.parse.quote(json.loads(made.text)['id'], safe='')}"
    back = rest("GET", path)
    assert back.body == content
    assert len(back.headers.get_all("X-Fission-Request-ID", [])) == 1
    head = rest("HEAD", path)
    assert (head.status, head.headers["X-FISSION-STORAGETYPE"]) == (200, "local")
    assert rest("DELETE", path).status == 200
    assert rest("GET", path).status == 404
    assert rest("GET", f"{upload}?id=..%2F..%2Fetc%2Fpasswd").status in (400, 404)
    service = rest("GET", "/proxy/svcname?application=fission-storage")
    assert service.text == "storagesvc.fission"


def test_who_asks_is_known_and_may_do_what_its_account_may(
    platform: platforms.Platform, rest: Rest
) -> None:
    base = platform.status()["controller"]
    assert platforms.call(base + "/healthz").status == 200
    assert "Version" in json.loads(platforms.call(base + "/").text)["Build"]
    unknown = platforms.call(base + "/v2/functions")
    assert (unknown.status, unknown.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "FISSION_TOKEN" in unknown.text

    platform.kubectl("create", "serviceaccount", "reader")
    platform.kubectl(
        *("create", "role", "reader", "--verb=get,list", "--resource=functions.fission.io")
    )
    platform.kubectl(
        *("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:reader")
    )
    reader = {"Authorization": f"Bearer {token(platform, 'reader')}"}

    def status(method: str, path: str) -> int:
        return platforms.call(base + path, method, b"", reader).status

    assert status("GET", "/v2/functions?namespace=default") == 200
    assert status("GET", "/v2/functions") == 403  # every namespace is more than its own
    assert status("GET", "/v2/packages?namespace=default") == 403
    assert status("DELETE", "/v2/functions/any") == 403
    assert status("POST", "/proxy/storage/v1/archive") == 403
    assert status("GET", "/proxy/storage/v1/archive") == 403


def test_archives_of_another_namespace_are_not_there(
    platform: platforms.Platform, rest: Rest
) -> None:
    platform.kubectl("create", "namespace", "neighbour")
    platform.kubectl("create", "serviceaccount", "packer", "-n", "neighbour")
    platform.kubectl(
        *("create", "role", "packer", "-n", "neighbour"),
        *("--verb=get,list,create,delete", "--resource=packages.fission.io"),
    )
    platform.kubectl(
        *("create", "rolebinding", "packer", "-n", "neighbour", "--role=packer"),
        "--serviceaccount=neighbour:packer",
    )
    words = ("create", "token", "packer", "-n", "neighbour", "--audience", "fission-controller")
    bearer = {"Authorization": f"Bearer {platform.kubectl(*words).strip()}"}
    neighbour = {**bearer, "X-Fission-Auth-Namespace": "neighbour"}
    base = platform.status()["controller"]
    code = platform.write("private.py", "# " + "x" * 300_000 + "\ndef main():\n    return 'p'\n")
    platform.fission("fn", "create", "--name", "private", "--env", "python", "--code", code)
    assert platform.fission("fn", "test", "--name", "private").stdout == "p"

    described = json.loads(
        platform.fission("fn", "getmeta", "--name", "private", "-o", "json").stdout
    )
    package_name = described["spec"]["package"]["packageref"]["name"]
    listing = "/proxy/storage/v1/archive"
    url = platform.kubectl(
        *("get", "packages", "-o", "jsonpath={.items[*].spec.deployment.url}"),
        *("--field-selector", f"metadata.name={package_name}"),
    )
    ours = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["id"][0]
    assert ours in json.loads(rest("GET", listing).text)
    one = f"{listing}?id={urllib.parse.quote(ours, safe='')}"
    assert rest("GET", one).status == 200
    assert ours not in json.loads(platforms.call(base + listing, "GET", b"", neighbour).text)
    for method in ("GET", "HEAD", "DELETE"):
        assert platforms.call(base + one, method, b"", neighbour).status in (400, 404)
        assert platforms.call(base + one, method, b"", bearer).status == 403
        claimed = {**bearer, "X-Fission-Auth-Namespace": "default"}
        assert platforms.call(base + one, method, b"", claimed).status == 403
    assert rest("GET", one).status == 200
    assert rest("GET", "/v2/functions").status == 200


def test_a_topic_is_reached_by_who_may_use_its_namespaces_triggers(
    platform: platforms.Platform,
) -> None:
    platform.kubectl("create", "serviceaccount", "publisher")
    platform.kubectl(
        *("create", "role", "publisher", "--verb=create"),
        "--resource=messagequeuetriggers.fission.io",
    )
    platform.kubectl(
        *("create", "rolebinding", "publisher", "--role=publisher"),
        "--serviceaccount=default:publisher",
    )
    bearer = {"Authorization": f"Bearer {token(platform, 'publisher')}"}
    base = platform.status()["controller"] + "/proxy/statestore/v1/eventlog/"

    def status(route: str, stream: str) -> int:
        body = json.dumps({"stream": stream, "expectedSeq": -1, "events": [{}]}).encode()
        return platforms.call(base + route, "POST", body, bearer).status

    assert status("append", "topic/default/news") == 200
    assert status("append", "topic/neighbour/news") == 403
    assert status("append", "workflow/default") == 403
    assert status("read", "topic/default/news") == 403
    shown = platform.fission("topic", "peek", "--topic", "news").stdout
    assert shown.startswith("head: 1\n")
