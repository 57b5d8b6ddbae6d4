"""Messages per second from a broker through a trivial Python function, settled one by one.

Per broker that is installed: a trigger is made, mqtrigger is stopped, messages are published, and
mqtrigger starts again. Counted is what the function sees, from its first call to its last; then
the trigger's status has to say that everything was settled. The baseline is what the same function
takes through the router from a client with as many calls at once.

`BENCH_QUEUES=redis,statestore` limits the queues, `BENCH_MESSAGES` is how many messages there are.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request
from typing import Any

import libdeclare
import libplatform
from fission.api import resources
from fission.base import clock as clocks
from fission.contracts import signing
from fission.delivery import statestore
from fission.kube import client as kube_client
from fission.kube import peers
from fission.meta import gvk
from fission.mqtrigger.drivers import base, registry
from fission.mqtrigger.drivers import statestore as statestore_driver
from fission_http import client as http_client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "10000"))
TARGETS = {"kafka": 1000, "nats-jetstream": 2000, "redis": 2000}
AT_ONCE = 100
PARTITIONS = 16
"""Of Kafka's topic: each keeps its order, so one call at a time."""
BODY = b'{"order": 1, "text": "' + b"x" * 200 + b'"}'
DEADLINE_SECONDS = 120.0
CODE = """\
import json, time
from flask import request
seen = {"count": 0, "first": 0.0, "last": 0.0, "ids": set()}

def main():
    if request.method == "GET":
        answer = json.dumps({**seen, "ids": len(seen["ids"])})
        if "reset" in request.args:
            seen.update(count=0, first=0.0, last=0.0, ids=set())
        return answer
    at = time.time()
    seen["first"] = seen["first"] or at
    seen["last"] = at
    seen["count"] += 1
    seen["ids"].add(request.headers.get("X-Fission-MQTrigger-Message-Id"))
    return ""
"""

Obj = dict[str, Any]


def run() -> dict[str, Any]:
    """Measure; returns a row per queue."""
    from tests.conformance.message_queue import brokers

    chosen = [name for name in os.environ.get("BENCH_QUEUES", "").split(",") if name]
    names = [registry.STATESTORE, *sorted(brokers.KINDS)]
    rows: list[Obj] = []
    with (
        tempfile.TemporaryDirectory(prefix="fission-mq-") as folder,
        libplatform.home() as platform,
    ):
        platform.up()
        url = _make_function(platform)
        rows.append(_baseline(url))
        with brokers.running(pathlib.Path(folder) / "brokers") as running:
            for name in names:
                if chosen and name not in chosen:
                    continue
                if name == registry.STATESTORE:
                    rows.append(asyncio.run(_measure(platform, url, name, None)))
                elif not brokers.missing(name):
                    running.launch([name])
                    broker = running.get(name)
                    rows.append(asyncio.run(_measure(platform, url, name, broker)))
    told = [f"{row['queue']} {row['messages/s']}/s" for row in rows]
    return {
        "title": f"{MESSAGES} messages of {len(BODY)} bytes through a Python function",
        "rows": rows,
        "load": round(os.getloadavg()[0], 1),
        "summary": ", ".join(told)
        + f"; targets: {', '.join(f'{name} {goal}' for name, goal in TARGETS.items())}",
    }


def _make_function(platform: libplatform.Platform) -> str:
    platform.make_environment(1)
    platform.wait_pool(1, 0.5)
    code = platform.home.parent / "seen.py"
    code.write_text(CODE)
    words = ("--name", "seen", "--env", "python", "--code", str(code))
    platform.fission("fn", "create", *words, "--concurrency", "1", "--requestsperpod", "500")
    route = ("--name", "seen", "--function", "seen", "--url", "/seen", "--method", "GET")
    platform.fission("route", "create", *route, "--method", "POST")
    url = f"{platform.status()['router']}/seen"
    _dump(url, reset=True)
    return url


def _baseline(url: str) -> Obj:
    async def send() -> None:
        async with http_client.Client() as http:
            left = iter(range(MESSAGES))

            async def work() -> None:
                for _ in left:
                    response = await http.request("POST", url, body=BODY)
                    await response.read()

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    asyncio.run(send())
    return _row("none: router alone", _dump(url, reset=True), 0.0, 0)


async def _measure(platform: libplatform.Platform, url: str, name: str, broker: Any) -> Obj:
    async with libdeclare.connected(platform.home) as kube, http_client.Client() as http:
        metadata: dict[str, str] = {}
        if broker is None:
            driver = await _statestore(platform, kube, http)
        else:
            await broker.make_topic("bench", *((PARTITIONS,) if name == "kafka" else ()))
            settings = broker.settings()
            metadata = dict(settings.metadata)
            driver = await registry.load(name)(settings)
        await _create(kube, name, metadata)
        await _until_ready(kube, name)
        await _scale(kube, 0)
        began = time.perf_counter()
        await _publish(driver)
        published = time.perf_counter() - began
        await _scale(kube, 1)
        found = await _until_seen(url)
        settled = await _settled(kube, name)
        await driver.close()
        await kube.delete(resources.MESSAGEQUEUETRIGGERS, name, libdeclare.NAMESPACE)
        _dump(url, reset=True)
        return _row(name, found, published, settled)


async def _statestore(
    platform: libplatform.Platform, kube: kube_client.Client, http: http_client.Client
) -> base.Driver:
    secret = await kube.get(gvk.SECRETS, signing.SECRET_NAME, "fission")
    master = base64.b64decode(secret["data"][signing.SECRET_KEY])
    where = statestore.finder({}, peers.Peers(kube), "fission")
    clock = clocks.SystemClock()
    client = statestore.Statestore(http, signing.Masters(master), where, clock)
    return statestore_driver.Driver(client, libdeclare.NAMESPACE, clock)


async def _create(kube: kube_client.Client, name: str, metadata: dict[str, str]) -> None:
    spec = {
        "functionref": {"type": "name", "name": "seen"},
        "messageQueueType": name,
        "mqtkind": "fission",
        "topic": "bench",
        "metadata": metadata,
        "minReplicaCount": AT_ONCE,
        "maxReplicaCount": AT_ONCE,
    }
    await kube.create(
        resources.MESSAGEQUEUETRIGGERS,
        {
            "apiVersion": "fission.io/v1",
            "kind": "MessageQueueTrigger",
            "metadata": {"name": name, "namespace": libdeclare.NAMESPACE},
            "spec": spec,
        },
    )


async def _until_ready(kube: kube_client.Client, name: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            found = await kube.get(resources.MESSAGEQUEUETRIGGERS, name, libdeclare.NAMESPACE)
            conditions = (found.get("status") or {}).get("conditions") or ()
            if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
                return
            await asyncio.sleep(0.1)


async def _scale(kube: kube_client.Client, replicas: int) -> None:
    """So many mqtriggers, and no more of others."""
    patch = {"spec": {"replicas": replicas}}
    await kube.patch(gvk.DEPLOYMENTS, "mqtrigger", patch, "fission")
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            pods = await kube.list(gvk.PODS, "fission", label_selector={"svc": "mqtrigger"})
            if len(pods.items) == replicas:
                return
            await asyncio.sleep(0.05)


async def _publish(driver: base.Driver) -> None:
    left = iter(range(MESSAGES))

    async def work() -> None:
        for number in left:
            headers = {"Content-Type": "application/json"}
            await driver.publish("bench", BODY, headers, f"k{number % 1000}")

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _until_seen(url: str) -> Obj:
    give_up = time.monotonic() + DEADLINE_SECONDS
    found: Obj = {}
    while time.monotonic() < give_up:
        found = await asyncio.to_thread(_dump, url)
        if found["ids"] >= MESSAGES:
            return found
        await asyncio.sleep(0.5)
    raise RuntimeError(f"after {DEADLINE_SECONDS:g} s the function has seen {found}")


async def _settled(kube: kube_client.Client, name: str) -> int:
    """How many the trigger says were delivered and settled."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            found = await kube.get(resources.MESSAGEQUEUETRIGGERS, name, libdeclare.NAMESPACE)
            delivery = (found.get("status") or {}).get("delivery") or {}
            if delivery.get("delivered", 0) >= MESSAGES:
                return int(delivery["delivered"])
            await asyncio.sleep(0.5)


def _dump(url: str, reset: bool = False) -> Obj:
    with urllib.request.urlopen(f"{url}?dump=1{'&reset=1' if reset else ''}", timeout=30) as answer:
        found: Obj = json.load(answer)
    return found


def _row(name: str, found: Obj, published_seconds: float, delivered: int | None) -> Obj:
    seconds = max(1e-9, found["last"] - found["first"])
    return {
        "queue": name,
        "messages/s": round(found["count"] / seconds),
        "target": TARGETS.get(name, ""),
        "calls": found["count"],
        "duplicates": found["count"] - found["ids"] if published_seconds else 0,
        "settled": delivered or "",
        "published/s": round(MESSAGES / published_seconds) if published_seconds else "",
    }
