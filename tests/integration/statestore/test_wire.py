"""The contract of statestore, in plain JSON against a running server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from fission.contracts import signing
from fission.contracts import statestore as wire
from tests.integration.statestore import support

SCOPE = {"Namespace": "default", "Owner": "function/f", "Keyspace": "k"}
QUEUE = {"queue": "q"}


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def code_of(served: support.Fixture, path: str, body: Any) -> tuple[int, str]:
    status, answer = await served.post(path, body)
    assert answer["message"]
    return status, answer["code"]


async def test_keys(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        key = {"scope": SCOPE, "key": "a"}
        assert await code_of(served, "/v1/kv/get", key) == (404, "not_found")
        put = {**key, "value": b64(b"1"), "ifVersion": 0}
        assert await served.post("/v1/kv/set", put) == (200, {})
        assert await code_of(served, "/v1/kv/set", put) == (409, "version_conflict")
        assert await served.post("/v1/kv/get", key) == (200, {"value": "MQ==", "version": 1})
        other = {"scope": SCOPE, "key": "b", "value": "", "maxKeys": 1}
        assert await code_of(served, "/v1/kv/set", other) == (429, "quota_exceeded")
        listed = await served.post("/v1/kv/list", {"scope": SCOPE, "prefix": "", "page": {}})
        assert listed == (200, {"keys": ["a"], "next": ""})
        assert await served.post("/v1/kv/delete", {**key, "ifVersion": 1}) == (200, {})
        assert await code_of(served, "/v1/kv/get", key) == (404, "not_found")


async def test_event_streams(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        events = [{"Type": "text/plain", "Payload": b64(b"a")}, {"Payload": None}]
        append = {"stream": "s", "expectedSeq": 0, "events": events}
        status, answer = await served.post("/v1/eventlog/append", append)
        assert (status, answer["head"]) == (200, 2)
        status, answer = await served.post("/v1/eventlog/append", append)
        assert (status, answer["code"], answer["head"]) == (409, "version_conflict", 2)
        anywhere = {**append, "expectedSeq": -1}
        assert (await served.post("/v1/eventlog/append", anywhere))[1]["head"] == 4
        read = {"stream": "s", "fromSeq": 0, "limit": 1}
        status, answer = await served.post("/v1/eventlog/read", read)
        (event,) = answer["events"]
        assert event.pop("At").startswith("20")
        assert event == {"Seq": 1, "Type": "text/plain", "Payload": b64(b"a")}
        assert await served.post("/v1/eventlog/trim", {"stream": "s", "belowSeq": 4}) == (200, {})
        status, answer = await served.post("/v1/eventlog/read", {**read, "limit": 0})
        assert [event["Seq"] for event in answer["events"]] == [4]
        assert (await served.post("/v1/eventlog/head", {"stream": "s"}))[1]["head"] == 4
        assert (await served.post("/v1/eventlog/head", {"stream": "t"}))[1]["head"] == 0


async def test_queues(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        put = {**QUEUE, "body": b64(b"m"), "dedupKey": "k"}
        _, first = await served.post("/v1/queue/enqueue", put)
        assert await served.post("/v1/queue/enqueue", put) == (200, first)
        lease = {**QUEUE, "n": 5, "leaseForNanos": 10**10}
        _, answer = await served.post("/v1/queue/lease", lease)
        (message,) = answer["messages"]
        receipt = message.pop("Receipt")
        assert message == {"ID": first["id"], "Body": b64(b"m"), "Attempts": 1}
        assert (await served.post("/v1/queue/stats", QUEUE))[1] == {
            "visible": 0,
            "leased": 1,
            "dead": 0,
            "oldestVisibleAgeNanos": 0,
        }
        nack = {"receipt": receipt, "retryAfterNanos": 0}
        assert await served.post("/v1/queue/nack", nack) == (200, {})
        assert await code_of(served, "/v1/queue/ack", {"receipt": receipt}) == (
            400,
            "invalid_receipt",
        )
        _, answer = await served.post("/v1/queue/lease", lease)
        kill = {"receipt": answer["messages"][0]["Receipt"], "reason": "broken"}
        assert await served.post("/v1/queue/kill", kill) == (200, {})
        _, answer = await served.post("/v1/queue/deadletters", {**QUEUE, "page": {"Limit": 9}})
        (dead,) = answer["messages"]
        assert dead.pop("DiedAt") >= dead.pop("EnqueuedAt")
        assert dead == {"ID": first["id"], "Body": b64(b"m"), "Reason": "broken", "Attempts": 2}
        redrive = {**QUEUE, "ids": [first["id"], "other"]}
        assert await served.post("/v1/queue/redrive", redrive) == (200, {"redriven": 1})
        assert await served.post("/v1/queue/purge", QUEUE) == (200, {"purged": 0})


WRONG = [
    ("/v1/eventlog/append", {"stream": ""}, "stream must be given"),
    ("/v1/eventlog/append", {"stream": "a\nb"}, "printable"),
    ("/v1/eventlog/append", {"stream": "s", "expectedSeq": -2}, "expectedSeq: -2"),
    ("/v1/eventlog/append", {"stream": "s", "events": [{}] * 1001}, "at most 1000"),
    ("/v1/eventlog/append", {"stream": "s", "events": [{"Key": "k" * 513}]}, "events[0]"),
    ("/v1/eventlog/read", {"stream": "s", "fromSeq": -1}, "fromSeq"),
    ("/v1/eventlog/read", {"stream": "s", "fromSeq": 1 << 70}, "fromSeq"),
    ("/v1/eventlog/read", {"stream": "s", "waitNanos": -1}, "waitNanos"),
    ("/v1/eventlog/trim", {"stream": "s", "belowSeq": 1 << 41}, "belowSeq"),
    ("/v1/queue/enqueue", {"queue": "q", "delayNanos": 1 << 62}, "delayNanos"),
    ("/v1/queue/lease", {"queue": "q", "n": 0, "leaseForNanos": 1}, "n: 0"),
    ("/v1/queue/lease", {"queue": "q", "n": 1}, "leaseForNanos"),
    ("/v1/kv/set", {"scope": SCOPE, "key": ""}, "key must be given"),
    ("/v1/kv/set", {"scope": SCOPE, "key": "a", "ifVersion": -1}, "ifVersion"),
    ("/v1/kv/set", {"scope": {"Owner": "o" * 999}, "key": "a"}, "scope.Owner"),
    ("/v1/kv/set", {"scope": SCOPE, "key": "a", "value": "%"}, "not the message"),
    ("/v1/queue/purge", b"no json", "not the message"),
    ("/v1/queue/purge", b"", "queue must be given"),
]


async def test_a_wrong_request_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        for path, body, said in WRONG:
            status, answer = await served.post(path, body)
            assert (status, answer["code"]) == (400, "bad_request"), said
            assert said in answer["message"]


async def test_only_what_is_signed_with_the_secret_is_served(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        head = ("/v1/eventlog/head", {"stream": "s"})
        assert (await served.post(*head, signing.Masters(b"another")))[0] == 401
        assert await served.post(*head, signing.Masters()) == (401, None)
        assert (await served.post(*head, signing.Masters(support.MASTERS.old)))[0] == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await served.get(path))[0] == 200
        assert (await served.get("/v1/eventlog/head"))[0] == 405
        assert (await served.get("/v1/eventlog"))[0] == 404


async def test_a_request_is_bounded(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        most = b64(b"x" * 3_000_000)
        assert (await served.post("/v1/queue/enqueue", {**QUEUE, "body": most}))[0] == 200
        status, answer = await served.post("/v1/queue/enqueue", {**QUEUE, "body": most + most})
        assert (status, answer["code"]) == (413, "bad_request")
        assert "4194304 bytes" in answer["message"]


async def test_every_route_of_the_contract_is_there(tmp_path: Path) -> None:
    routes = [value for value in vars(wire).values() if str(value).startswith("/v1/")]
    assert len(routes) == 17
    async with support.statestore(tmp_path) as served:
        for route in routes:
            status, _ = await served.post(route, {})
            assert status == (200 if route == wire.KV_LIST else 400), route


async def test_what_is_kept_is_counted(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        await served.client.append("s", [wire.Event(payload=b"1"), wire.Event(payload=b"2")])
        await served.client.read("s", 0)
        await served.client.enqueue("q", b"m")
        await served.client.set(wire.Scope("n"), "k", b"v")
        _, text = await served.get("/metrics")
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        assert lines["fission_statestore_events"] == "2.0"
        assert lines["fission_statestore_events_read_total"] == "2.0"
        assert lines["fission_statestore_messages"] == "1.0"
        assert lines["fission_statestore_keys"] == "1.0"
        assert float(lines["fission_statestore_used_bytes"]) > 0
        assert lines['fission_statestore_calls_total{result="ok",route="eventlog/append"}'] == "1.0"
