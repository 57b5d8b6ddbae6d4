"""What of one partition may be committed: only what has no unfinished message before it. Pure."""

from dataclasses import dataclass, field

from fission.mqtrigger.drivers import base


@dataclass(slots=True)
class Partition:
    """One partition while it is ours."""

    number: int
    committed: int
    """What the broker keeps for the group: the offset that a new owner begins with."""
    next: int
    """The offset behind the last one received."""
    _open: dict[int, base.Message | None] = field(default_factory=dict)
    """Received and not committed, in order; None once settled."""
    _released: dict[int, base.Message] = field(default_factory=dict)

    @property
    def prefix(self) -> int:
        """What may be committed."""
        for offset, message in self._open.items():
            if message is not None:
                return offset
        return self.next

    def received(self, offset: int, message: base.Message) -> None:
        """The fetcher gave it. An offset that lies behind begins the partition anew: its topic was
        made again, or its log was cut off."""
        if offset < self.next:
            self._open.clear()
            self._released.clear()
        self._open[offset] = message
        self.next = offset + 1

    def holds(self, offset: int, message: base.Message) -> bool:
        """Whether it is in hand: not settled, not released, not lost."""
        return self._open.get(offset) is message and offset not in self._released

    def settled(self, offset: int) -> None:
        """It is finished; forgets what nothing is unfinished before."""
        self._open[offset] = None
        while self._open:
            first = next(iter(self._open))
            if self._open[first] is not None:
                return
            del self._open[first]

    def released(self, offset: int, message: base.Message) -> None:
        """It waits to be received once more."""
        message.attempt += 1
        self._released[offset] = message

    def again(self, room: int) -> list[base.Message]:
        """At most so many of those that were released, in order, in hand again."""
        chosen = sorted(self._released)[:room]
        return [self._released.pop(offset) for offset in chosen]
