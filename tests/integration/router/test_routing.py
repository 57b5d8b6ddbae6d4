"""Which function answers, and with which path: routes through the running data plane."""

from __future__ import annotations

import collections

from fission.router import config
from fission_http import server as servers
from tests.support import routing, waiting


async def tell(request: servers.Request) -> servers.Response:
    """Who was called, as whom, and with what."""
    named = {name: value for name, value in request.headers.items() if "params" in name.lower()}
    name = request.headers.get("X-Fission-Function-Name")
    return servers.Response(200, [], f"{name} {request.target} {named}".encode())


async def test_methods_of_one_path_belong_to_different_triggers():
    pod = await routing.Pod(tell).start()
    rules = {"allowOrigins": ["https://a.example"]}
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function("f"),
            routing.a_function("g"),
            routing.a_slice("f", [pod.address], "f"),
            routing.a_slice("g", [pod.address], "g"),
            routing.a_trigger("read", "f", relativeurl="/x", corsConfig=rules),
            routing.a_trigger("write", "g", relativeurl="/x", methods=["POST"], corsConfig=rules),
        )
        assert (await routed.call("GET", "/x")).body.startswith(b"f ")
        assert (await routed.call("POST", "/x")).body.startswith(b"g ")
        refused = await routed.call("DELETE", "/x")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, OPTIONS, POST")
        for method, status in (("POST", 204), ("GET", 204), ("DELETE", 403)):
            asking = [
                ("Origin", "https://a.example"),
                ("Access-Control-Request-Method", method),
            ]
            answer = await routed.call("OPTIONS", "/x", headers=asking)
            assert answer.status == status
            if status == 204:
                assert answer.headers["access-control-allow-methods"] == method
    await pod.stop()


async def test_variables_hosts_and_prefixes_reach_the_function():
    pod = await routing.Pod(tell).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function("f"),
            routing.a_slice("f", [pod.address], "f"),
            routing.a_trigger("deep", "f", relativeurl="/d/{path:.+}/end-{n:[0-9]+}"),
            routing.a_trigger("strip", "f", prefix="/s/{team}"),
            routing.a_trigger("keep", "f", prefix="/k", keepPrefix=True),
            routing.a_trigger("host", "f", relativeurl="/h", host="a.example"),
        )

        async def told(path: str, **more: object) -> str:
            return (await routed.call("GET", path, **more)).body.decode()

        assert await told("/d/a/b/end-7?q=1") == (
            "f /?q=1 {'X-Fission-Params-Path': 'a/b', 'X-Fission-Params-N': '7'}"
        )
        assert await told("/s/red/a/b") == "f /a/b {'X-Fission-Params-Team': 'red'}"
        assert await told("/s/red") == "f / {'X-Fission-Params-Team': 'red'}"
        assert await told("/k/a%2Fb") == "f /k/a%2Fb {}"
        assert "404" in await told("/h")
        assert await told("/h", headers=[("Host", "A.example:80")]) == "f / {}"
        assert "404" in await told("/d/a/end-x")
    await pod.stop()


async def test_an_encoded_slash_separates_nothing_where_that_is_asked_for():
    pod = await routing.Pod(tell).start()
    for encoded, status in ((False, 404), (True, 200)):
        async with routing.a_router(config.Config(use_encoded_path=encoded)) as routed:
            routed.add(
                routing.a_function("f"),
                routing.a_slice("f", [pod.address], "f"),
                routing.a_trigger("one", "f", relativeurl="/one/{segment}"),
            )
            assert (await routed.call("GET", "/one/a%2Fb")).status == status
    await pod.stop()


async def test_weights_share_out_requests_until_a_function_is_missing():
    pod = await routing.Pod(tell).start()
    reference = {"type": "function-weights", "name": "", "functionweights": {"f": 75, "g": 25}}
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function("f"),
            routing.a_function("g"),
            routing.a_slice("f", [pod.address], "f"),
            routing.a_slice("g", [pod.address], "g"),
            routing.a_trigger("t", relativeurl="/w", functionref=reference),
        )
        called = collections.Counter(
            [(await routed.call("GET", "/w")).body[:1] for _ in range(200)]
        )
        assert 100 < called[b"f"] < 190
        routed.core.catalog.function_changed(routing.a_function("g"), None)
        routed.core.catalog.rebuild()
        assert (await routed.call("GET", "/w")).status == 404
        refusal = routed.core.catalog.table.refused["default", "t"]
        assert refusal.message == "function 'g' is not in namespace 'default'"
    await pod.stop()


async def test_a_change_waits_its_turn_but_one_request_never_sees_half_of_many():
    """Thousands of changes are made in slices; what was there before is served meanwhile."""
    pod = await routing.Pod(tell).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function("f"),
            routing.a_slice("f", [pod.address], "f"),
            routing.a_trigger("first", "f", relativeurl="/first"),
        )
        known = routed.core.catalog
        for number in range(1000):
            known.trigger_changed(None, routing.a_trigger(f"t{number}", "f", prefix=f"/t{number}"))
        assert (await routed.call("GET", "/first")).status == 200
        while (await routed.call("GET", "/t999/a")).status != 200:
            assert len(known.table.routes) <= 1001
        assert len(known.table.routes) == 1001
    await pod.stop()


async def test_a_trigger_that_was_made_anew_unseen_is_another_one():
    """Whoever lists again after a break sees a change from the old one to the new."""
    async with routing.a_router() as routed:
        before = routing.a_trigger("t", "f", relativeurl="/before")
        routed.add(routing.a_function("f"), before)
        after = routing.a_trigger("t", "f", relativeurl="/after")
        after["metadata"]["uid"] = "another"
        routed.core.catalog.trigger_changed(before, after)
        table = routed.core.catalog.table
        await waiting.until(lambda: table.find("", "/after", "GET") is not None)
        assert table.find("", "/before", "GET") is None
