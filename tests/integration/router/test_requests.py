"""Requests through the router: what the function sees, what the client gets."""

import json

from fission.router import config
from fission_http import server as servers
from tests.support import routing


async def mirror(request: servers.Request) -> servers.Response:
    """Tells what came in."""
    body = await request.read(1 << 24)
    seen = {
        "method": request.method,
        "target": request.target,
        "headers": {name.lower(): value for name, value in request.headers},
        "body": body.decode("latin-1"),
    }
    headers = [("X-Fission-Route-Miss", "1"), ("X-Own", "yes"), ("Content-Type", "text/x-own")]
    return servers.Response(200, headers, json.dumps(seen).encode())


async def test_a_warm_request_reaches_its_function_without_the_executor():
    pod = await routing.Pod(mirror).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        for _ in range(3):
            answer = await routed.call("GET", "/hello?name=x", headers=[("X-Mine", "1")])
            assert answer.status == 200
        seen = answer.json()
        host, port = pod.address
        assert seen["target"] == "/?name=x"
        assert seen["headers"]["host"] == f"{host}:{port}"
        assert seen["headers"]["x-mine"] == "1"
        assert seen["headers"]["x-fission-function-name"] == "hello"
        assert seen["headers"]["x-fission-function-namespace"] == "default"
        assert seen["headers"]["x-fission-function-uid"] == "uid-hello"
        assert seen["headers"]["x-fission-function-resourceversion"] == "7"
        assert seen["headers"]["x-fission-full-url"] == "/hello?name=x"
        assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
        public = routed.public.removeprefix("http://")
        assert seen["headers"]["x-forwarded-host"] == public
        assert seen["headers"]["forwarded"] == f"host={public};"
        assert seen["headers"]["x-fission-request-id"] == answer.headers["X-Fission-Request-ID"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["x-own"] == "yes"
        assert "x-fission-route-miss" not in answer.headers
        assert not routed.executor.calls
        assert routed.client.open_connections == 1
        assert routed.core.pool.idle_connections == 1
    await pod.stop()


async def test_forged_headers_are_overwritten_and_hops_are_not_passed_on():
    pod = await routing.Pod(mirror).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/users/{id}"),
            routing.a_slice("s", [pod.address]),
        )
        answer = await routed.call(
            "GET",
            "/users/a%0d%0ab",
            headers=[
                ("X-Fission-Function-Uid", "forged"),
                ("X_Fission_Function_Uid", "forged"),
                ("x-fission-params-other", "forged"),
                ("X-Fission-Auth-Signature", "forged"),
                ("X-Fission-Request-ID", "mine"),
                ("TE", "trailers"),
                ("X-Forwarded-For", "10.1.1.1"),
                ("X-Forwarded-Host", "front"),
            ],
        )
        headers = answer.json()["headers"]
        assert headers["x-fission-function-uid"] == "uid-hello"
        assert headers["x-fission-params-id"] == "a  b"
        assert headers["x-fission-request-id"] == "mine"
        assert headers["x-forwarded-for"] == "10.1.1.1, 127.0.0.1"
        assert headers["x-forwarded-host"] == "front"
        unwanted = {"te", "forwarded", "x_fission_function_uid", "x-fission-auth-signature"}
        assert not unwanted & headers.keys()
        assert "x-fission-params-other" not in headers
        assert answer.headers["x-fission-request-id"] == "mine"
    await pod.stop()


async def test_paths_by_kind_of_route():
    pod = await routing.Pod(mirror).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("exact", relativeurl="/exact"),
            routing.a_trigger("prefix", prefix="/p"),
            routing.a_trigger("kept", prefix="/kept/", keepPrefix=True),
            routing.a_slice("s", [pod.address]),
        )
        expected = {
            "/exact?a": "/?a",
            "/p": "/",
            "/p/a/b?c=d": "/a/b?c=d",
            "/p/a%2Fb": "/a%2Fb",
            "/kept/a": "/kept/a",
        }
        for path, seen in expected.items():
            answer = await routed.call("GET", path)
            assert (answer.status, answer.json()["target"]) == (200, seen), path
        for path in ("/exact/", "/pp", "/kept"):
            assert (await routed.call("GET", path)).status == 404
    await pod.stop()


async def test_misses_are_told_apart():
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        answer = await routed.call("GET", "/none")
        assert (answer.status, answer.body) == (404, b"404 page not found\n")
        answer = await routed.call("POST", "/hello", body=b"x")
        assert (answer.status, answer.body) == (405, b"405 method not allowed\n")
        answer = await routed.call("GET", "/fission-function/hello")
        assert answer.status == 404
        assert "x-fission-route-miss" not in answer.headers
        answer = await routed.call("GET", "/fission-function/none", internal=True)
        assert answer.status == 404
        assert answer.headers["x-fission-route-miss"] == "1"


async def test_the_router_has_paths_of_its_own():
    async with routing.a_router() as routed:
        for path in ("/", "/router-healthz", "/readyz", "/metrics"):
            assert (await routed.call("GET", path)).status == 200
            assert (await routed.call("HEAD", path)).status == 200
        version = (await routed.call("GET", "/_version")).json()
        assert version["Build"]["Version"]
        assert version["ServerTime"]["CurrentTime"].endswith("Z")
        assert (await routed.call("POST", "/_version")).status == 405
        preflight = [("Origin", "http://a"), ("Access-Control-Request-Method", "GET")]
        answer = await routed.call("OPTIONS", "/router-healthz", headers=preflight)
        assert answer.status == 403


async def test_internal_paths_name_functions():
    pod = await routing.Pod(mirror).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_function("f", namespace="ns1", uid="uid-f"),
            routing.a_slice("s", [pod.address]),
            routing.a_slice("s2", [pod.address], function="f"),
        )
        expected = {
            "/fission-function/hello": ("hello", "/"),
            "/fission-function/hello/a/b?x=1": ("hello", "/a/b?x=1"),
            "/fission-function/ns1/f": ("f", "/"),
            "/fission-function/ns1/f/a?x=1": ("f", "/a?x=1"),
        }
        for path, (function, seen) in expected.items():
            answer = await routed.call("POST", path, internal=True, body=b"event")
            assert answer.status == 200
            assert answer.json()["headers"]["x-fission-function-name"] == function
            assert answer.json()["target"] == seen
            assert answer.json()["body"] == "event"
        for path in ("/fission-function/default/hello", "/fission-function/f", "/hello"):
            assert (await routed.call("POST", path, internal=True)).status == 404
    await pod.stop()


async def test_weights_spread_requests():
    pods = [await routing.Pod(mirror).start() for _ in range(2)]
    async with routing.a_router() as routed:
        shares = {"type": "function-weights", "name": "", "functionweights": {"a": 50, "b": 50}}
        routed.add(
            routing.a_function("a"),
            routing.a_function("b"),
            routing.a_trigger("t", relativeurl="/w", functionref=shares),
            routing.a_slice("sa", [pods[0].address], function="a"),
            routing.a_slice("sb", [pods[1].address], function="b"),
        )
        for _ in range(40):
            assert (await routed.call("GET", "/w")).status == 200
    assert len(pods[0].requests) + len(pods[1].requests) == 40
    assert pods[0].requests
    assert pods[1].requests
    for pod in pods:
        await pod.stop()


async def test_cross_origin_rules_replace_those_of_the_function():
    async def own_rules(request: servers.Request) -> servers.Response:
        return servers.Response(200, [("Access-Control-Allow-Origin", "*")], b"x")

    pod = await routing.Pod(own_rules).start()
    async with routing.a_router() as routed:
        rules = {
            "allowOrigins": ["http://a.example"],
            "exposeHeaders": ["X-One"],
            "allowHeaders": ["x-mine"],
            "maxAge": "1m",
        }
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/c", corsConfig=rules),
            routing.a_trigger("plain", relativeurl="/plain"),
            routing.a_slice("s", [pod.address]),
        )
        asked = [
            ("Origin", "http://a.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "X-Mine"),
        ]
        answer = await routed.call("OPTIONS", "/c", headers=asked)
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "http://a.example"
        assert answer.headers["access-control-allow-methods"] == "GET"
        assert answer.headers["access-control-allow-headers"] == "x-mine"
        assert answer.headers["access-control-max-age"] == "60"
        asked[0] = ("Origin", "http://b.example")
        answer = await routed.call("OPTIONS", "/c", headers=asked)
        assert (answer.status, answer.text()) == (403, "cross-origin requests not permitted")
        answer = await routed.call("GET", "/c", headers=[("Origin", "http://a.example")])
        assert answer.headers.get_all("access-control-allow-origin") == ["http://a.example"]
        assert answer.headers["access-control-expose-headers"] == "X-One"
        answer = await routed.call("GET", "/c", headers=[("Origin", "http://b.example")])
        assert "access-control-allow-origin" not in answer.headers
        answer = await routed.call("GET", "/plain")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "vary" not in answer.headers
        assert pod.requests[0].method != "OPTIONS"
    await pod.stop()


async def test_every_method_and_body_passes_through():
    pod = await routing.Pod(mirror).start()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    async def pieces():
        for number in range(3):
            yield b"%d" % number * 40000

    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/m", methods=methods),
            routing.a_slice("s", [pod.address]),
        )
        for method in methods:
            answer = await routed.call(method, "/m", body=b"data")
            assert answer.json()["method"] == method
            assert answer.json()["body"] == "data"
        answer = await routed.call("POST", "/m", body=pieces())
        assert len(answer.json()["body"]) == 120000
        answer = await routed.call("POST", "/m", body=b"x" * 3_000_000)
        assert len(answer.json()["body"]) == 3_000_000
        assert routed.client.open_connections == 1
    await pod.stop()


async def test_a_body_beyond_the_limit_is_refused():
    pod = await routing.Pod(mirror).start()

    async def pieces():
        for _ in range(3):
            yield b"x" * 50

    async with routing.a_router(config.Config(max_body_bytes=100)) as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/m", methods=["POST"]),
            routing.a_slice("s", [pod.address]),
        )
        assert (await routed.call("POST", "/m", body=b"x" * 100)).status == 200
        assert (await routed.call("POST", "/m", body=b"x" * 101)).status == 413
        assert (await routed.call("POST", "/m", body=pieces())).status == 413
        assert (await routed.call("POST", "/m", body=b"x")).status == 200
    await pod.stop()


async def test_a_call_is_counted():
    pod = await routing.Pod(mirror).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/m"),
            routing.a_slice("s", [pod.address]),
        )
        for _ in range(2):
            await routed.call("GET", "/m")
        families = {family.name: family for family in routed.core.metrics.collect()}
        (sample,) = families["fission_function_calls"].samples
        assert sample.value == 2
        assert sample.labels["path"] == "/m"
        assert sample.labels["code"] == "200"
        assert families["fission_router_routes"].samples[0].value == 1
    await pod.stop()
