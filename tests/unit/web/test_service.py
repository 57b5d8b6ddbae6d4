"""A service without a socket: routes, signatures, request ids, errors."""

import json

import pytest

from fission.base import errors
from fission.kube import errors as kube_errors
from fission.meta import status
from fission.web import failures, requestids
from fission.web import service as services
from fission_http import body as bodies
from fission_http import head as heads
from fission_http import incoming, messages


def a_request(
    line: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> messages.Request:
    lines = "".join(f"{n}: {v}\r\n" for n, v in (headers or {}).items())
    text = f"{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    head = heads.scan_request(text.encode())
    assert head is not None
    content = incoming.IncomingBody(bodies.request_framing(head), head.content_length)
    if body:
        content.feed(body)
    return messages.Request(head, content, ("127.0.0.1", 1), ("127.0.0.1", 2))


async def echo(request: services.Request) -> services.Response:
    text = json.dumps([request.params, request.query_params, (await request.read()).decode()])
    return services.Response(200, [], text.encode())


class Refused(errors.Error):
    reason = "Unauthorized"


class Teapot(errors.Error):
    reason = "Teapot"


async def test_a_route_gets_parameters_query_and_body():
    service = services.Service("test")
    service.route("POST", "/v1/{kind}/{rest...}", echo)
    answer = await service.handle(a_request("POST /v1/a%20b/c/d?x=1&x=2&y=", body=b"hi"))
    assert answer.status == 200
    expected = [{"kind": "a b", "rest": "c/d"}, {"x": "1", "y": ""}, "hi"]
    assert json.loads(answer.body) == expected


async def test_unknown_paths_and_methods_are_told_apart():
    service = services.Service("test")
    service.route("POST", "/a", echo)
    service.route("GET", "/a", echo)
    assert (await service.handle(a_request("GET /b"))).status == 404
    refused = await service.handle(a_request("PUT /a"))
    assert refused.status == 405
    assert ("Allow", "GET, POST") in refused.headers
    assert (await service.handle(a_request("HEAD /a"))).status == 200


async def test_a_request_id_is_kept_or_made_and_known_to_the_handler():
    seen = []

    async def note(request: services.Request) -> services.Response:
        seen.append(requestids.current())
        return services.Response()

    service = services.Service("test")
    service.route("GET", "/", note)
    answer = await service.handle(a_request("GET /", {"x-fission-request-id": "abc"}))
    assert (requestids.HEADER, "abc") in answer.headers
    answer = await service.handle(a_request("GET /", {"X-Fission-Request-ID": "x" * 193}))
    made = dict(answer.headers)[requestids.HEADER]
    assert len(made) == 36
    assert seen == ["abc", made]


async def test_a_signature_is_checked_over_the_body_before_the_handler():
    asked = []

    def verify(method, uri, body, headers):
        asked.append((method, uri, body))
        if headers.get("X-Key") != "right":
            raise Refused("wrong key")

    service = services.Service("test", verify=verify, max_body_bytes=10)
    service.route("POST", "/a", echo)
    service.route("POST", "/open", echo, signed=False)
    refused = await service.handle(a_request("POST /a?b=1", body=b"hi"))
    assert (refused.status, refused.body) == (401, b"")
    allowed = await service.handle(a_request("POST /a", {"X-Key": "right"}, b"hi"))
    assert json.loads(allowed.body)[2] == "hi"
    assert asked == [("POST", "/a?b=1", b"hi"), ("POST", "/a", b"hi")]
    assert (await service.handle(a_request("POST /open", body=b"hi"))).status == 200
    assert (await service.handle(a_request("GET /healthz"))).status == 200
    assert (await service.handle(a_request("POST /a", body=b"x" * 11))).status == 413


@pytest.mark.parametrize(
    ("error", "shape", "code", "text"),
    [
        (status.bad_request("no good"), failures.Shape.STATUS, 400, "no good"),
        (status.bad_request("no good"), failures.Shape.TEXT, 400, "no good\n"),
        (errors.InvalidInput("field x"), failures.Shape.STATUS, 400, "field x"),
        (errors.DeadlineExceeded("late"), failures.Shape.TEXT, 504, "late\n"),
        (kube_errors.Unreachable("no API"), failures.Shape.TEXT, 503, "no API\n"),
        (Teapot("short and stout"), failures.Shape.TEXT, 418, "short and stout\n"),
    ],
)
async def test_errors_become_codes_in_the_shape_of_the_wire(error, shape, code, text):
    async def fail(request: services.Request) -> services.Response:
        raise error

    service = services.Service("test", shape=shape, codes={Teapot: 418})
    service.route("GET", "/", fail)
    answer = await service.handle(a_request("GET /"))
    assert answer.status == code
    if shape is failures.Shape.TEXT:
        assert answer.body == text.encode()
    else:
        assert json.loads(answer.body)["message"] == text
        assert json.loads(answer.body)["kind"] == "Status"


async def test_an_unexpected_error_stays_inside(caplog):
    async def fail(request: services.Request) -> services.Response:
        raise KeyError("secret")

    service = services.Service("test")
    service.route("GET", "/", fail)
    answer = await service.handle(a_request("GET /"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "a request failed unexpectedly" in caplog.text


async def test_readiness_names_what_is_missing():
    ready = {"a": True, "b": False}
    service = services.Service(
        "test", checks={"informers": lambda: ready["a"], "leader": lambda: ready["b"]}
    )
    answer = await service.handle(a_request("GET /readyz"))
    assert (answer.status, answer.body) == (503, b"not ready: leader\n")
    ready["b"] = True
    assert (await service.handle(a_request("GET /readyz"))).status == 200


async def test_metrics_are_in_prometheus_format():
    answer = await services.Service("test").handle(a_request("GET /metrics"))
    assert answer.status == 200
    assert b"# HELP" in answer.body
