"""Statestore against a model in plain Python: any order of calls, time passing in between."""

from __future__ import annotations

import dataclasses

from hypothesis import settings, stateful
from hypothesis import strategies as st

from fission.contracts import statestore as wire
from fission.statestore import errors, rules, streams
from tests.unit.statestore import samples

MAX_ATTEMPTS = 2
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
QUEUES = st.sampled_from(["q", "r"])
KEYS = st.sampled_from(["a", "b", "c"])


@dataclasses.dataclass
class Message:
    number: int
    queue: str
    body: bytes
    visible: float
    dedup: str
    attempts: int = 0
    receipt: str = ""


class QueueMachine(stateful.RuleBasedStateMachine):
    """Every message is in one place: waiting, leased, dead, or settled for good."""

    def __init__(self) -> None:
        super().__init__()
        self.world = samples.World(rules.Bounds(max_attempts=MAX_ATTEMPTS, max_queue_messages=6))
        self.time = 0.0
        self.live: list[Message] = []
        self.dead: dict[int, Message] = {}
        self.receipts: list[str] = []
        self.count = 0

    def visible(self, queue: str) -> list[Message]:
        found = [m for m in self.live if m.queue == queue and m.visible <= self.time]
        return sorted(found, key=lambda m: (m.visible, m.number))

    def spent(self, queue: str) -> list[Message]:
        return [m for m in self.visible(queue) if m.receipt and m.attempts >= MAX_ATTEMPTS]

    def bury(self, *messages: Message) -> None:
        for message in messages:
            self.live.remove(message)
            self.dead[message.number] = message

    @stateful.rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.time += seconds

    @stateful.rule(queue=QUEUES, delay=SECONDS, dedup=st.sampled_from(["", "", "k"]))
    def enqueue(self, queue: str, delay: float, dedup: str) -> None:
        body = b"%d" % self.count
        same = [m for m in self.live if dedup and (m.queue, m.dedup) == (queue, dedup)]
        held = [m for m in (*self.live, *self.dead.values()) if m.queue == queue]
        try:
            number = self.world.enqueue(queue, body, delay, dedup)
        except errors.QuotaExceeded:
            assert len(held) >= 6
            assert not same
            return
        if same:
            assert number == same[0].number
            return
        assert len(held) < 6
        assert number not in self.dead
        assert all(number != m.number for m in self.live)
        self.count += 1
        self.live.append(Message(number, queue, body, self.time + delay, dedup))

    @stateful.rule(queue=QUEUES, n=st.integers(1, 3), seconds=st.sampled_from([1.0, 2.0]))
    def lease(self, queue: str, n: int, seconds: float) -> None:
        leased = self.world.lease(queue, n, seconds)
        expected: list[Message] = []
        for message in self.visible(queue):
            if len(expected) == n:
                break
            if message.attempts >= MAX_ATTEMPTS:
                self.bury(message)
                continue
            expected.append(message)
        assert [message.body for message in leased] == [m.body for m in expected]
        for model, message in zip(expected, leased, strict=True):
            model.attempts += 1
            model.visible = self.time + seconds
            model.receipt = message.receipt
            assert message.attempts == model.attempts
            assert message.receipt not in self.receipts
            self.receipts.append(message.receipt)

    def holder(self, receipt: str) -> Message | None:
        return next((m for m in self.live if m.receipt == receipt), None)

    @stateful.precondition(lambda self: self.receipts)
    @stateful.rule(data=st.data(), how=st.sampled_from(["ack", "nack", "kill"]), after=SECONDS)
    def settle(self, data: st.DataObject, how: str, after: float) -> None:
        receipt = data.draw(st.sampled_from(self.receipts))
        message = self.holder(receipt)
        try:
            if how == "ack":
                self.world.ack(receipt)
            elif how == "nack":
                self.world.nack(receipt, after)
            else:
                self.world.kill(receipt)
        except errors.InvalidReceipt:
            assert message is None
            return
        assert message is not None
        if how == "ack":
            self.live.remove(message)
        elif how == "kill" or message.attempts >= MAX_ATTEMPTS:
            self.bury(message)
        else:
            message.receipt = ""
            message.visible = self.time + after

    @stateful.rule(queue=QUEUES)
    def redrive_all(self, queue: str) -> None:
        self.bury(*self.spent(queue))
        ids = [dead.id for dead in self.world.dead(queue)]
        mine = [m for m in self.dead.values() if m.queue == queue]
        assert len(ids) == len(mine)
        assert self.world.redrive(queue, *ids) == len(mine)
        for message in mine:
            del self.dead[message.number]
            message.attempts, message.receipt, message.dedup = 0, "", ""
            message.visible = self.time
            self.live.append(message)

    @stateful.rule(queue=QUEUES)
    def purge(self, queue: str) -> None:
        self.bury(*self.spent(queue))
        gone = [number for number, m in self.dead.items() if m.queue == queue]
        assert self.world.purge(queue) == len(gone)
        for number in gone:
            del self.dead[number]

    @stateful.invariant()
    def counts_agree(self) -> None:
        for queue in ("q", "r"):
            stats = self.world.stats(queue)
            spent = len(self.spent(queue))
            assert stats.visible == len(self.visible(queue)) - spent
            assert stats.dead == spent + sum(m.queue == queue for m in self.dead.values())
            leased = [m for m in self.live if m.queue == queue and m.receipt]
            assert stats.leased == sum(m.visible > self.time for m in leased)


class StreamMachine(stateful.RuleBasedStateMachine):
    """A stream is a list of which the beginning may be gone."""

    def __init__(self) -> None:
        super().__init__()
        self.world = samples.World()
        self.events: list[bytes] = []
        self.first = 1

    @stateful.rule(count=st.integers(0, 4), guess=st.integers(-1, 6))
    def append(self, count: int, guess: int) -> None:
        payloads = [b"%d" % (len(self.events) + place) for place in range(count)]
        is_right = guess in (wire.ANY, len(self.events))
        try:
            head = self.world.append("s", *payloads, expected=guess)
        except errors.VersionConflict as conflict:
            head = conflict.head
            assert not is_right
        else:
            assert is_right
            self.events += payloads
        assert head == len(self.events)

    @stateful.rule(behind=st.integers(0, 20), limit=st.integers(1, 5))
    def read(self, behind: int, limit: int) -> None:
        answer = self.world.read("s", behind, limit=limit)
        start = max(behind + 1, self.first)
        expected = list(enumerate(self.events, 1))[start - 1 : start - 1 + limit]
        assert [(event.seq, event.payload) for event in answer.events] == expected
        assert (answer.head, answer.first) == (len(self.events), self.first)

    @stateful.rule(below=st.integers(0, 20))
    def trim(self, below: int) -> None:
        self.world.write(lambda db: streams.trim(db, "s", below))
        self.first = max(self.first, min(below, len(self.events) + 1))

    @stateful.rule(most=st.integers(1, 3))
    def sweep(self, most: int) -> None:
        self.world.write(lambda db: streams.sweep(db, most))


class PairMachine(stateful.RuleBasedStateMachine):
    """Keys are a dictionary of versions with an end."""

    def __init__(self) -> None:
        super().__init__()
        self.world = samples.World()
        self.time = 0.0
        self.values: dict[str, tuple[bytes, int, float]] = {}

    def current(self) -> dict[str, tuple[bytes, int]]:
        return {
            key: (value, version)
            for key, (value, version, end) in self.values.items()
            if end > self.time
        }

    @stateful.rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.time += seconds

    @stateful.rule(
        key=KEYS,
        value=st.binary(max_size=3),
        guess=st.sampled_from([None, 0, 1, 2]),
        ttl=SECONDS,
        most=st.sampled_from([0, 1, 2]),
    )
    def set(self, key: str, value: bytes, guess: int | None, ttl: float, most: int) -> None:
        version = self.current().get(key, (b"", 0))[1]
        try:
            self.world.set(key, value, guess, ttl, most)
        except errors.VersionConflict:
            assert guess not in (None, version)
            return
        except errors.QuotaExceeded:
            assert version == 0
            assert 0 < most <= len(self.current())
            return
        assert guess in (None, version)
        assert version or not most or len(self.current()) < most
        self.values[key] = (value, version + 1, self.time + ttl if ttl else float("inf"))

    @stateful.rule(key=KEYS, guess=st.integers(0, 2))
    def delete(self, key: str, guess: int) -> None:
        version = self.current().get(key, (b"", 0))[1]
        try:
            self.world.delete(key, guess)
        except errors.VersionConflict:
            assert guess not in (0, version)
            return
        assert guess in (0, version)
        if version:
            del self.values[key]

    @stateful.invariant()
    def what_is_there_agrees(self) -> None:
        current = self.current()
        assert self.world.keys() == (sorted(current), "")
        for key, found in current.items():
            assert self.world.get(key) == found


BRIEF = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestQueues = QueueMachine.TestCase
TestQueues.settings = BRIEF
TestStreams = StreamMachine.TestCase
TestStreams.settings = BRIEF
TestPairs = PairMachine.TestCase
TestPairs.settings = BRIEF
