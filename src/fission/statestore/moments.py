"""Moments as the file has them: nanoseconds since 1970."""

from __future__ import annotations

import datetime
from typing import Final

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def nanos(moment: datetime.datetime) -> int:
    """A moment for the file."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def moment(nanos_since: int) -> datetime.datetime:
    """A moment from the file."""
    return _EPOCH + datetime.timedelta(microseconds=nanos_since // 1000)
