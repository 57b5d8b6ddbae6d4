"""Cron expressions: what people know from robfig/cron v3 and from Kubernetes CronJobs → instants.

Five fields (minute, hour, day of month, month, day of week), or six with seconds first. A field is
``*`` or ``?``, a value, a range ``1-5``, any of them with a step ``*/5``, ``1-9/2``, ``3/4`` (from
3 on), or a list of these. Months and days of the week have names (``JAN``, ``mon``). When both days
are restricted, either suffices; a day field that is ``*`` or ``?`` leaves the choice to the other,
while one with a step (``*/2``) restricts. ``@hourly`` and its like stand for five fields;
``@every 90s`` counts from a moment. ``CRON_TZ=Area/City`` (or ``TZ=``) in front names the zone.

**Daylight saving.** An instant is due when the clock on the wall of the zone reads what the
expression says, no sooner and no later. So a time that the spring change skips does not come that
day, and one that the autumn change repeats comes twice, an hour apart: two instants, each due once.
That is what robfig/cron and CronJobs do. Whoever wants neither writes the schedule in UTC.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
from typing import Final, Protocol

import cronsim

from fission.base import errors, settings

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every"
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SECOND: Final = datetime.timedelta(seconds=1)
# Nothing changes its offset from UTC and changes it back within so short a time.
_PROBE: Final = datetime.timedelta(days=3)
_LONGEST_TEXT: Final = 1024


class CronError(errors.Error):
    """The expression cannot be read; the message names the field, what it holds, what it may."""

    reason = "InvalidCron"


class Schedule(Protocol):
    """The instants of one expression."""

    @property
    def text(self) -> str:
        """The expression as it was written."""
        ...

    def next_after(self, instant: datetime.datetime) -> datetime.datetime:
        """The first instant due strictly after an aware one: UTC, whole seconds."""
        ...

    def anchored(self, start: datetime.datetime) -> Schedule:
        """The same with ``@every`` counted from ``start``; a calendar needs no start."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def allowed(self) -> str:
        text = f"{self.low}-{self.high}"
        if self.names:
            text += f", {self.names[0].upper()}-{self.names[-1].upper()}"
        return text + ", *, ?, lists, ranges and steps of them"

    def value(self, text: str) -> int:
        """A number or a name; refused outside of the field's bounds."""
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.low
        if not (text.isascii() and text.isdigit()):
            raise CronError(f'"{text}" is no {self.name}; allowed: {self.allowed()}')
        value = int(text[:9])
        if not self.low <= value <= self.high:
            hint = "; Sunday is 0" if self.names == _WEEKDAYS and value == 7 else ""
            raise CronError(f"{value} is outside of {self.low}-{self.high}{hint}")
        return value

    def read(self, text: str) -> tuple[set[int], bool]:
        """The values of a whole field, and whether it leaves everything open (``*``, ``?``)."""
        values: set[int] = set()
        is_open = False
        for term in text.split(","):
            chosen, term_is_open = self._read_term(term)
            values |= chosen
            is_open = is_open or term_is_open
        return values, is_open

    def _read_term(self, term: str) -> tuple[set[int], bool]:
        span, slash, step_text = term.partition("/")
        if not span:
            raise CronError(f"a value is missing; allowed: {self.allowed()}")
        low_text, hyphen, high_text = span.partition("-")
        is_open = span in ("*", "?")
        if is_open:
            low, high = self.low, self.high
        else:
            low = self.value(low_text)
            high = self.value(high_text) if hyphen else (self.high if slash else low)
        if low > high:
            raise CronError(f'range "{span}" ends before it begins')
        step = 1
        if slash:
            if not (step_text.isascii() and step_text.isdigit()) or int(step_text[:9]) == 0:
                raise CronError(f'step "{step_text}" is not a number above 0')
            step = int(step_text[:9])
        return set(range(low, high + 1, step)), is_open and step == 1


_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _WEEKDAYS),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Calendar:
    """Fields of a calendar, read on the wall clock of a zone."""

    text: str
    zone: datetime.tzinfo
    _cronsim: cronsim.CronSim = dataclasses.field(repr=False, compare=False)

    def next_after(self, instant: datetime.datetime) -> datetime.datetime:
        """The first instant due strictly after an aware one: UTC, whole seconds."""
        moment = instant.astimezone(datetime.UTC).replace(microsecond=0)
        while True:
            offset = self._offset(moment)
            due = self._next_reading(moment + offset) - offset
            change = self._next_change(moment, due, offset)
            if change is None:
                return due
            # Nothing was due before the clocks change. Perhaps at that very moment, else after it.
            reading = change + self._offset(change)
            if self._next_reading(reading - _SECOND) == reading:
                return change
            moment = change

    def anchored(self, start: datetime.datetime) -> Calendar:
        """Itself: a calendar needs no start."""
        del start
        return self

    def _next_reading(self, reading: datetime.datetime) -> datetime.datetime:
        """The next time on a wall clock that never changes."""
        iterator = copy.copy(self._cronsim)
        iterator.dt = reading.replace(tzinfo=None)
        return next(iterator).replace(tzinfo=datetime.UTC)

    def _offset(self, moment: datetime.datetime) -> datetime.timedelta:
        return moment.astimezone(self.zone).utcoffset() or datetime.timedelta()

    def _next_change(
        self, after: datetime.datetime, until: datetime.datetime, offset: datetime.timedelta
    ) -> datetime.datetime | None:
        """The first second in (after, until] with another offset than ``after`` has."""
        if self.zone is datetime.UTC:
            return None
        same = after
        while same < until:
            other = min(same + _PROBE, until)
            if self._offset(other) == offset:
                same = other
                continue
            while other - same > _SECOND:
                middle = same + (other - same) // (2 * _SECOND) * _SECOND
                if self._offset(middle) == offset:
                    same = middle
                else:
                    other = middle
            return other
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds: from the instant asked about, or on the grid of a start."""

    text: str
    seconds: int
    start: datetime.datetime | None = None

    def next_after(self, instant: datetime.datetime) -> datetime.datetime:
        """The first instant due strictly after an aware one: UTC, whole seconds."""
        moment = instant.astimezone(datetime.UTC).replace(microsecond=0)
        step = datetime.timedelta(seconds=self.seconds)
        if self.start is None:
            return moment + step
        return self.start + (max(0, (moment - self.start) // step) + 1) * step

    def anchored(self, start: datetime.datetime) -> Interval:
        """The same, counted from ``start``, so that a restart does not move it."""
        grid = start.astimezone(datetime.UTC).replace(microsecond=0)
        return dataclasses.replace(self, start=grid)


def parse(text: str, default_zone: str = "UTC") -> Schedule:
    """Read an expression; ``default_zone`` is meant when it names none. Raises CronError."""
    try:
        if len(text) > _LONGEST_TEXT:
            raise CronError(f"it has {len(text)} characters; at most {_LONGEST_TEXT} are allowed")
        return _parse(text, default_zone)
    except CronError as error:
        raise CronError(f'cron "{text[:100]}": {error.message}') from None


def _parse(text: str, default_zone: str) -> Schedule:
    rest = text.strip()
    zone_name = default_zone
    if rest.startswith(("CRON_TZ=", "TZ=")):
        prefix, _, rest = rest.partition(" ")
        zone_name = prefix.partition("=")[2] or "UTC"
        zone_name = default_zone if zone_name == "Local" else zone_name
        rest = rest.strip()
    zone = _zone(zone_name)
    if not rest:
        raise CronError(
            'it is empty; want five fields, six with seconds, or "@hourly" and its like'
        )
    if rest.startswith("@"):
        word, _, argument = rest.partition(" ")
        if word == _EVERY:
            return Interval(text, _whole_seconds(argument.strip()))
        if rest not in _DESCRIPTORS:
            allowed = ", ".join([*_DESCRIPTORS, "@every 90s"])
            raise CronError(f'descriptor "{rest}" is not known; allowed: {allowed}')
        rest = _DESCRIPTORS[rest]
    return Calendar(text, zone, _read_fields(rest.split()))


def _read_fields(words: list[str]) -> cronsim.CronSim:
    if len(words) not in (5, 6):
        raise CronError(
            f"it has {len(words)} fields; want 5 (minute, hour, day of month, month, day of week), "
            "or 6 with seconds first"
        )
    if len(words) == 5:
        words = ["0", *words]
    found: list[set[int]] = []
    plain: list[str] = []
    for field, word in zip(_FIELDS, words, strict=True):
        try:
            values, is_open = field.read(word)
        except CronError as error:
            raise CronError(f'field {field.name} "{word}": {error.message}') from None
        found.append(values)
        plain.append("*" if is_open else ",".join(map(str, sorted(values))))
    days, months = found[3], found[4]
    longest = max(_LONGEST_MONTH[month - 1] for month in months)
    if plain[5] == "*" and min(days) > longest:
        raise CronError(
            f'fields day of month "{words[3]}" and month "{words[4]}" never meet: '
            f"the longest of these months has {longest} days"
        )
    return cronsim.CronSim(" ".join(plain), datetime.datetime(2000, 1, 1))


def _whole_seconds(text: str) -> int:
    try:
        seconds = settings.parse_duration_seconds(text) if text[-1:].isalpha() else None
    except ValueError:
        seconds = None
    if seconds is None or seconds != seconds or seconds == float("inf"):
        raise CronError(
            f'@every "{text}" is no duration; want a number and a unit, as in 90s, 1h30m'
        )
    if seconds < 1 or seconds != int(seconds):
        raise CronError(f'@every "{text}": want whole seconds, at least 1s')
    if seconds > 100 * 366 * 86400:
        raise CronError(f'@every "{text}" is longer than a hundred years')
    return int(seconds)


def _zone(name: str) -> datetime.tzinfo:
    if name == "UTC":
        return datetime.UTC
    import zoneinfo  # asks for the interpreter's build settings; few schedules name a zone

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = ""
        if not zoneinfo.available_timezones():
            hint = " (this machine has no time zone database; install the package tzdata)"
        raise CronError(
            f'time zone "{name}" is not known{hint}; want a name as Europe/Berlin or UTC'
        ) from None
