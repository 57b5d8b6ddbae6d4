"""The public listener behind a login."""

import asyncio
import json

from fission.router import guard, login
from fission_http import server as servers
from tests.support import routing

AUTH = guard.Auth("admin", "secret", "k" * 32, "/auth/login", 120.0, "fission")


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello")


def a_login(password: str = "secret", username: str = "admin") -> bytes:
    return json.dumps({"username": username, "password": password}).encode()


async def test_who_shows_a_token_is_served():
    pod = await routing.Pod(hello).start()
    async with routing.a_router(auth=AUTH) as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        answer = await routed.call("POST", "/auth/login", body=a_login())
        assert answer.status == 201
        given = answer.json()
        assert given["tokentype"] == "Bearer"
        bearer = [("Authorization", f"Bearer {given['accesstoken']}")]
        for _ in range(2):
            answer = await routed.call("GET", "/hello", headers=bearer)
            assert (answer.status, answer.body) == (200, b"hello")
        assert (await routed.call("GET", "/_version", headers=bearer)).status == 200
        for path in ("/hello", "/", "/_version", "/metrics", "/none"):
            answer = await routed.call("GET", path)
            assert answer.status == 401, path
            assert answer.text() == "unauthorized: malformed token"
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/router-healthz", "/readyz"):
            assert (await routed.call("GET", path)).status == 200
        forged = [("Authorization", f"Bearer {given['accesstoken'][:-4]}AAAA")]
        answer = await routed.call("GET", "/hello", headers=forged)
        assert (answer.status, answer.text()) == (401, "unauthorized: token is not valid")
        # who signs is not asked for a token
        answer = await routed.call("POST", "/fission-function/hello", internal=True)
        assert answer.status == 200
    await pod.stop()


async def test_a_preflight_needs_no_token():
    async with routing.a_router(auth=AUTH) as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/a", corsConfig={"allowOrigins": ["http://a"]}),
            routing.a_trigger("u", relativeurl="/b", methods=["OPTIONS"]),
        )
        asking = [("Origin", "http://a"), ("Access-Control-Request-Method", "GET")]
        assert (await routed.call("OPTIONS", "/a", headers=asking)).status == 204
        assert (await routed.call("OPTIONS", "/b", headers=asking)).status == 401
        assert (await routed.call("OPTIONS", "/a", headers=asking[:1])).status == 401


async def test_what_is_no_login_is_refused():
    async with routing.a_router(auth=AUTH) as routed:
        for body in (b"", b"{", b"[]", b'{"username": 1, "password": "x"}', b'{"username": "a"}'):
            answer = await routed.call("POST", "/auth/login", body=body)
            assert answer.status == 400, body
            assert b"username" in answer.body
        large = b" " * (login.MAX_BODY_BYTES + 1)
        assert (await routed.call("POST", "/auth/login", body=large)).status == 413
        assert (await routed.call("GET", "/auth/login")).status == 401


async def test_guessing_is_slow_and_bounded_and_does_not_keep_others_out():
    async with routing.a_router(auth=AUTH) as routed:
        loop = asyncio.get_running_loop()
        began = loop.time()
        tried = [
            asyncio.create_task(routed.call("POST", "/auth/login", body=a_login(f"guess {n}")))
            for n in range(12)
        ]
        answers = await asyncio.gather(*tried)
        took = loop.time() - began
        found = sorted(answer.status for answer in answers)
        assert found == [401] * login.MAX_GUESSES_OF_ADDRESS + [429] * 8
        assert took >= login.DELAY_SECONDS
        wrong = next(answer for answer in answers if answer.status == 401)
        assert wrong.text() == "unauthorized: invalid user name or password"
        full = next(answer for answer in answers if answer.status == 429)
        assert full.headers["retry-after"] == "1"
        assert (await routed.call("POST", "/auth/login", body=a_login())).status == 201
