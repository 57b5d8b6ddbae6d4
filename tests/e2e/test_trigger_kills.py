"""SIGKILL of whatever takes part in a delivery: no accepted event is lost, whoever dies.

A tick is called at most once, and one that never was is told in the timer's status. A message comes
at least once, in the order of its key, and its answer reaches the response topic. Of every object
the watch tells the last state; an older one comes again only as the repetition that it says it is.
"""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.e2e import accounts, kills, recorder
from tests.e2e import platform as platforms

SEED = 5
RECOVERY_SECONDS = 20.0
"""A bound on what may never happen (events that stay away), not a promise of speed."""
TARGETS = {
    "timer": "/timer",
    "kubewatcher": "/kubewatcher",
    "mqtrigger": "/mqtrigger",
    "statestore": "/statestore",
    "router": "/router",
    "executor": "/executor",
    "function": "",
    "kubelet": "kubelet",
    "apiserver": "apiserver",
    "supervisor": "supervisor",
}
KEYS = ("red", "green", "blue")
CONFIG_MAPS = ("changed-a", "changed-b")


@pytest.fixture(scope="module")
def events() -> Iterator[recorder.Recorder]:
    with recorder.Recorder().running() as running:
        yield running


@pytest.fixture(scope="module")
def victim(events: recorder.Recorder) -> Iterator[platforms.Platform]:
    """A platform with a trigger of each kind for one function that records."""
    platform = platforms.started(accounts.everyone()[0], poolsize=2)
    try:
        platform.deploy("noting", events.source, "--requestsperpod", "20", "--concurrency", "2")
        for topic, answers in (("orders", "receipts"), ("receipts", "")):
            platform.fission(
                *("mqt", "create", "--name", topic, "--function", "noting", "--topic", topic),
                *("--mqtype", "statestore", "--resptopic", answers, "--maxretries", "20"),
                *(
                    "--metadata",
                    "takeoverSeconds=1",
                    "--minreplicacount",
                    "4",
                    "--pollinginterval",
                    "1",
                ),
            )
        watch = ("--type", "configmap", "--labelselector", "told=yes")
        platform.fission("watch", "create", "--name", "maps", "--function", "noting", *watch)
        timer = ("--cron", "@every 1s")
        platform.fission("timer", "create", "--name", "ticks", "--function", "noting", *timer)
        for topic in ("orders", "receipts"):
            platform.fission("mqt", "wait", "--name", topic, "--for", "condition=Ready")
        platform.fission("watch", "wait", "--name", "maps", "--for", "condition=Subscribed")
        platform.wait_call("/noting")
    except BaseException:
        print(platform.log_tail())
        platform.down()
        raise
    yield platform
    platforms.ended(platform)


class Messages:
    """Publishes one message after the other until told to end, each until it is acknowledged."""

    def __init__(self, platform: platforms.Platform, topic: str) -> None:
        token = platform.kubectl("config", "view", "--raw", "-o", "jsonpath={.users[0].user.token}")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._url = platform.status()["controller"] + "/proxy/statestore/v1/eventlog/append"
        self._stream = f"topic/default/{topic}"
        self.acknowledged: list[dict[str, Any]] = []

    @contextmanager
    def running(self) -> Iterator[Messages]:
        ending = threading.Event()

        def publish() -> None:
            dice = random.Random(SEED)
            while not ending.is_set():
                message = {"key": dice.choice(KEYS), "number": len(self.acknowledged)}
                while not self._taken(message):
                    platforms.pause()
                self.acknowledged.append(message)
                platforms.pause()

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield self
        finally:
            ending.set()
            thread.join()

    def _taken(self, message: dict[str, Any]) -> bool:
        payload = base64.b64encode(json.dumps(message).encode()).decode()
        event = {"Type": "application/json", "Payload": payload, "Key": message["key"]}
        body = json.dumps({"stream": self._stream, "expectedSeq": -1, "events": [event]}).encode()
        try:
            return platforms.call(self._url, "POST", body, self._headers).status == 200
        except (OSError, http.client.HTTPException):
            return False  # taken or not: it is published again


class Objects:
    """ConfigMaps that are changed, made and deleted, and what they are now."""

    def __init__(self, platform: platforms.Platform) -> None:
        self._platform = platform
        self._round = 0
        self.now: dict[str, str] = {}
        self.deleted: set[str] = set()

    def change(self) -> None:
        """Change some, and make one."""
        self._round += 1
        changed = dict.fromkeys((*CONFIG_MAPS, f"made-{self._round}"), str(self._round))
        self.now |= changed
        items = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "labels": {"told": "yes"}},
                "data": {"version": version},
            }
            for name, version in changed.items()
        ]
        self._surely("apply", "-f", "-", stdin="\n".join(map(json.dumps, items)))

    def delete(self) -> None:
        """Delete the one that was made last."""
        name = f"made-{self._round}"
        self._surely("delete", "--ignore-not-found", "configmap", name)
        del self.now[name]
        self.deleted.add(name)

    def _surely(self, *words: str, stdin: str = "") -> None:
        """Whoever is being killed: until kubectl says that it is done."""
        kubeconfig = ("kubectl", "--kubeconfig", str(self._platform.home / "kubeconfig"))
        platforms.eventually(
            lambda: self._platform.run(*kubeconfig, *words, check=False, stdin=stdin),
            lambda done: done.returncode == 0,
        )

    def untold(self, events: recorder.Recorder) -> list[str]:
        """Those whose last event, as the function was told, is not what they are now."""
        last = {change.object["metadata"]["name"]: change for change in list(events.changes)}
        wrong = [name for name in self.deleted if name not in last or last[name].type != "DELETED"]
        for name, version in self.now.items():
            told = last.get(name)
            if not told or told.type == "DELETED" or told.object["data"]["version"] != version:
                wrong.append(name)
        return wrong


def test_no_event_is_lost_whoever_is_killed(
    victim: platforms.Platform, events: recorder.Recorder, kubectl: None
) -> None:
    targets = list(TARGETS)
    random.Random(SEED).shuffle(targets)
    objects, messages = Objects(victim), Messages(victim, "orders")
    traffic = kills.Traffic(f"{victim.router}/noting", callers=1)
    with messages.running(), traffic.running():
        for target in targets:
            objects.change()
            killed, began = kill(victim, target), time.monotonic()
            objects.delete()
            everything_arrives_again(events, messages, objects, killed)
            print(f"{target}: everything arrives again after {time.monotonic() - began:.1f} s")
    assert traffic.refused() == []
    for topic in ("orders", "receipts"):
        platforms.eventually(partial(lost, messages, events, topic), lambda numbers: not numbers)
    in_order_of_keys(events.messages["orders"])
    in_order_but_for_repetitions(events.changes)
    every_instant_once_or_told(victim, events)
    platforms.eventually(lambda: untruths(victim), lambda found: not found)


def kill(platform: platforms.Platform, target: str) -> datetime.datetime:
    """SIGKILL of the process; of the supervisor, and what a person does then. Returns when."""

    def found() -> int | None:
        name = TARGETS[target] or f"default/{kills.functions_pod(platform, 'noting')}/"
        known = kills.processes(platform)
        return next((one["pid"] for one in known if kills.is_called(one, name)), None)

    kills.kill(int(platforms.eventually(found)))
    killed = datetime.datetime.now(datetime.UTC)
    if target == "supervisor":
        platform.up()
    return killed


def everything_arrives_again(
    events: recorder.Recorder, messages: Messages, objects: Objects, killed: datetime.datetime
) -> None:
    """A tick after the kill, a message published after it, its answer; all objects as they are."""
    published = len(messages.acknowledged)

    def missing() -> list[str]:
        found = objects.untold(events)
        if not events.ticks or _instant(events.ticks[-1]) < killed:
            found.append("ticks")
        for topic in ("orders", "receipts"):
            if max(seen(events, topic), default=-1) <= published:
                found.append(topic)
        return found

    platforms.eventually(missing, lambda found: not found, seconds=RECOVERY_SECONDS)


def lost(messages: Messages, events: recorder.Recorder, topic: str) -> set[int]:
    """Acknowledged messages, or answers to them, that the function has not seen yet."""
    return set(range(len(messages.acknowledged))).difference(seen(events, topic))


def seen(events: recorder.Recorder, topic: str) -> list[int]:
    """The numbers of the messages that the function has seen, in that order."""
    return [message["number"] for message in list(events.messages[topic])]


def in_order_of_keys(seen: list[dict[str, Any]]) -> None:
    """A message may come twice, never after one that was published behind it with its key."""
    for key in KEYS:
        numbers = [message["number"] for message in seen if message["key"] == key]
        assert numbers == sorted(numbers)


def in_order_but_for_repetitions(changes: list[recorder.Change]) -> None:
    newest: dict[str, int] = {}
    known = set()
    for change in changes:
        metadata = change.object["metadata"]
        name, version = metadata["name"], int(metadata["resourceVersion"])
        assert version >= newest.get(name, 0) or change.request_id in known, change
        newest[name] = max(version, newest.get(name, 0))
        known.add(change.request_id)


def every_instant_once_or_told(platform: platforms.Platform, events: recorder.Recorder) -> None:
    """Of those that are settled each was called for once, or is counted as missed or unknown."""
    status = _status(platform, "timetriggers", "ticks")
    settled = _instant(status["lastSettledTime"])
    due = round((settled - _instant(status["since"])).total_seconds())
    called = [tick for tick in list(events.ticks) if _instant(tick) <= settled]
    assert len(set(called)) == len(called)
    never = due - len(called)
    told = status["missed"] + status["unknown"] + status["delivery"]["failed"]
    assert status["missed"] <= never <= told, status


def untruths(platform: platforms.Platform) -> list[object]:
    """What statuses say that is not so, once all is well and everything was delivered."""
    named = {
        "timetriggers": ["ticks"],
        "kuberneteswatchtriggers": ["maps"],
        "messagequeuetriggers": ["orders", "receipts"],
    }
    statuses = [_status(platform, kind, name) for kind, names in named.items() for name in names]
    conditions = [condition for status in statuses for condition in status["conditions"]]
    wrong: list[object] = [each for each in conditions if each["status"] != "True"]
    for status in statuses:
        delivery = status["delivery"]
        if delivery["failed"] or delivery.get("lag") or not delivery["delivered"]:
            wrong.append(delivery)
    return wrong


def _status(platform: platforms.Platform, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(platform.kubectl("get", kind, name, "-o", "json"))["status"]
    return found


def _instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
