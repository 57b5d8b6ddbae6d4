"""The claim: which function a pod belongs to.

A pod is claimed by the first specialization and keeps that claim until it ends, whatever labels
say meanwhile. Claims are lines in a small file in a directory that the function cannot reach, so
they outlive a restart of the fetcher (not of the node, which ends the pod too). The file is opened
when the pod begins and only ever appended to: nothing is created while a caller waits. A last line
that was cut off was never acted upon and counts as not written. States of a record:

==========  ================================================  ======================
claimed     written before anything is fetched                → loaded | failed
loaded      the runtime accepted the function                 repeated calls succeed
failed      the runtime refused it, or died of it             repeated calls fail alike
==========  ================================================  ======================

User code has run once a record is loaded or failed, so the pod's volumes are not written to again
for that record. A pod that takes any number of functions holds one record for each.
"""

from __future__ import annotations

import enum
import json
import os
import pathlib
from dataclasses import asdict, dataclass, replace

from fission.fetcher import errors


class State(enum.StrEnum):
    """How far a function has come in this pod."""

    CLAIMED = "claimed"
    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """One function's claim."""

    uid: str
    generation: int = 0
    namespace: str = ""
    name: str = ""
    state: State = State.CLAIMED
    status: int = 0
    """The runtime's answer when it refused."""
    message: str = ""


class Claims:
    """The claims of one pod, in memory and in a file."""

    def __init__(self, path: pathlib.Path | None) -> None:
        self._records: dict[str, Record] = {}
        self._file: int | None = None
        if path is None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        with open(self._file, "rb", closefd=False) as lines:
            content = lines.read()
        complete = content.rfind(b"\n") + 1
        for line in content[:complete].splitlines():
            entry = json.loads(line)
            record = Record(**entry | {"state": State(entry["state"])})
            self._records[record.uid] = record
        os.ftruncate(self._file, complete)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def records(self) -> list[Record]:
        """All claims; at most one unless the pod is shared by functions."""
        return list(self._records.values())

    def claim(self, wanted: Record, *, shared: bool) -> Record:
        """Return the record of the function, making it if the pod is free; raises Claimed.

        A function that comes back in another generation starts anew where functions share the
        pod, and is refused elsewhere: the code that is loaded is not the code that is meant.
        """
        record = self._records.get(wanted.uid)
        if record is not None:
            if record.generation == wanted.generation:
                return record
            if not shared:
                raise errors.Claimed(
                    f"this pod runs generation {record.generation} of the function, "
                    f"not {wanted.generation}"
                )
        elif self._records and not shared:
            other = next(iter(self._records.values()))
            raise errors.Claimed(
                f"this pod belongs to function {other.namespace}/{other.name} (uid {other.uid})"
            )
        self._put(wanted)
        return wanted

    def mark_loaded(self, record: Record) -> None:
        """The runtime serves the function."""
        self._put(replace(record, state=State.LOADED))

    def mark_failed(self, record: Record, status: int, message: str) -> None:
        """The runtime refused the function; that is final."""
        self._put(replace(record, state=State.FAILED, status=status, message=message))

    def _put(self, record: Record) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(asdict(record)).encode() + b"\n")
        self._records[record.uid] = record
