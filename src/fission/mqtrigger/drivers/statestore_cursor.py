"""How far a group of a topic of statestore is: what it settled, how often it got the rest."""

from __future__ import annotations

import msgspec

from fission.mqtrigger.drivers import base


class Cursor(msgspec.Struct, omit_defaults=True):
    """How far a group is."""

    seq: int = 0
    """Everything up to here is settled."""
    done: list[int] = msgspec.field(default_factory=list)
    """What is settled beyond."""
    high: int = 0
    """The newest that was ever received."""
    tries: dict[int, int] = msgspec.field(default_factory=dict)
    """Deliveries before the next one, of what is not settled."""


class Progress:
    """A cursor that moves. Pure."""

    def __init__(self, cursor: Cursor) -> None:
        self.seq = cursor.seq
        self.high = max(cursor.high, cursor.seq)
        self._done = set(cursor.done)
        self._tries = dict(cursor.tries)

    def take_over(self) -> None:
        """The reader before died, or left: what it had and did not settle was a delivery."""
        for seq in range(self.seq + 1, self.high + 1):
            if seq not in self._done:
                self._tries[seq] = self._tries.get(seq, 0) + 1

    def is_settled(self, seq: int) -> bool:
        return seq <= self.seq or seq in self._done

    def receive(self, seq: int) -> int:
        """It is delivered; returns which delivery it is."""
        self.high = max(self.high, seq)
        return self._tries.get(seq, 0) + 1

    def release(self, seq: int) -> None:
        """That was a delivery."""
        self._tries[seq] = self._tries.get(seq, 0) + 1

    def settle(self, seq: int) -> None:
        """Done with it."""
        self._tries.pop(seq, None)
        if seq <= self.seq:
            return
        self._done.add(seq)
        while self.seq + 1 in self._done:
            self.seq += 1
            self._done.discard(self.seq)

    def skip(self, first: int) -> int:
        """Events before ``first`` are not kept any more; returns how many of ours those were."""
        lost = [seq for seq in range(self.seq + 1, first) if seq not in self._done]
        for seq in range(self.seq + 1, first):
            self.settle(seq)
        return len(lost)

    @property
    def is_busy(self) -> bool:
        """Something was received and is not settled."""
        return self.high > self.seq + len(self._done)

    def hand_back(self) -> None:
        """The reader leaves; what it had is counted already."""
        self.high = self.seq

    def lag(self, head: int) -> int:
        """How many up to the head are not settled."""
        return max(0, head - self.seq - len(self._done))

    def cursor(self) -> Cursor:
        return Cursor(
            seq=self.seq, done=sorted(self._done), high=self.high, tries=dict(self._tries)
        )


def encode(cursor: Cursor) -> bytes:
    """The value of a cursor."""
    return msgspec.json.encode(cursor)


def decode(value: bytes) -> Cursor:
    """The cursor in a value; raises DriverError."""
    try:
        return msgspec.json.decode(value, type=Cursor)
    except msgspec.DecodeError as error:
        raise base.DriverError(f"the group's cursor cannot be read: {error}") from error
