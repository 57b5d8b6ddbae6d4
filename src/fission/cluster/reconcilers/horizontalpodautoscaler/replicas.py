"""From what pods use to how many there should be, for one metric. Pure.

Kubernetes' rules: ratio of use to target, times pods, rounded up; nothing happens within a
tolerance; pods that cannot be judged yet are taken for idle when more are wanted and for busy when
fewer are, so that what is not known never changes anything for the worse.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fission.base import clock, errors
from fission.meta import conditions, objectmeta, quantity

Obj = dict[str, Any]

MISSING_PERCENT = 100
"""What a pod without measurement is taken to use of its request when fewer pods are wanted."""


class MetricError(errors.Error):
    """A metric says nothing; the message says why, in the words that conditions have."""

    reason = "FailedGetMetric"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the ratio may be from 1, each way."""

    down: float = 0.1
    up: float = 0.1

    def holds(self, ratio: float) -> bool:
        # A ratio a rounding error away from the bound is within it.
        return 1.0 - self.down - 1e-9 <= ratio <= 1.0 + self.up + 1e-9


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is, and how long a pod counts as starting."""

    now: datetime.datetime
    cpu_initialization_seconds: float = 300.0
    readiness_delay_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pod uses of one resource."""

    millis: int
    """Thousandths: of a core, of a byte."""
    at: datetime.datetime
    window_seconds: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for, and what is to be seen of it in the status."""

    replicas: int
    average_millis: int
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class _Groups:
    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def readings(metrics: Sequence[Obj], resource: str, container: str | None) -> dict[str, Reading]:
    """Pod → reading, from PodMetrics; pods without all of what is asked for are left out."""
    found = {}
    for pod in metrics:
        total, complete, any_found = 0, True, False
        for one in pod.get("containers") or ():
            if container is not None and one.get("name") != container:
                continue
            used = (one.get("usage") or {}).get(resource)
            if used is None:
                complete = False
                break
            any_found = True
            total += quantity.millis(used)
        if complete and any_found:
            found[objectmeta.name_of(pod)] = Reading(
                total, clock.parse_rfc3339(pod["timestamp"]), seconds_of(pod.get("window") or "0s")
            )
    return found


def seconds_of(text: str) -> float:
    """``1m9.5s`` → 69.5: a Go duration of hours, minutes and seconds."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    for letter in text:
        if letter in units:
            total += float(number or 0) * units[letter]
            number = ""
        else:
            number += letter
    return total


def by_percent(
    current: int,
    pods: Sequence[Obj],
    used: Mapping[str, Reading],
    resource: str,
    container: str | None,
    target_percent: int,
    tolerance: Tolerance,
    moment: Moment,
) -> Proposal:
    """Pods needed for use to be this share of what they request; raises MetricError."""
    groups, known = _judged(pods, used, resource, moment)
    requests = {objectmeta.name_of(pod): _request(pod, resource, container) for pod in pods}
    ratio, percent, average = _percent_ratio(known, requests, target_percent)
    fallback = max(MISSING_PERCENT, target_percent)
    needed = _needed(
        current,
        groups,
        ratio,
        tolerance,
        known,
        lambda values: _percent_ratio(values, requests, target_percent)[0],
        {name: requests[name] * fallback // 100 for name in groups.missing},
    )
    return Proposal(needed, average, percent)


def by_value(
    current: int,
    pods: Sequence[Obj],
    used: Mapping[str, Reading],
    resource: str,
    target_millis: int,
    tolerance: Tolerance,
    moment: Moment,
) -> Proposal:
    """Pods needed for each to use this much on average; raises MetricError."""
    groups, known = _judged(pods, used, resource, moment)

    def ratio_of(values: Mapping[str, int]) -> float:
        return sum(values.values()) / len(values) / target_millis

    missing = dict.fromkeys(groups.missing, target_millis)
    needed = _needed(current, groups, ratio_of(known), tolerance, known, ratio_of, missing)
    return Proposal(needed, sum(known.values()) // len(known))


def _judged(
    pods: Sequence[Obj], used: Mapping[str, Reading], resource: str, moment: Moment
) -> tuple[_Groups, dict[str, int]]:
    """The pods in groups, and the readings that count."""
    if not used:
        raise MetricError(
            f"unable to get metrics for resource {resource}: "
            "no metrics returned from resource metrics API"
        )
    if not pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    groups = _group(pods, used, resource, moment)
    left_out = groups.unready | groups.ignored
    names = {objectmeta.name_of(pod) for pod in pods} - left_out
    known = {name: reading.millis for name, reading in used.items() if name in names}
    if not known:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, known


def _group(
    pods: Sequence[Obj], used: Mapping[str, Reading], resource: str, moment: Moment
) -> _Groups:
    ready, unready, missing, ignored = 0, set(), set(), set()
    for pod in pods:
        name, found = objectmeta.name_of(pod), pod.get("status") or {}
        if objectmeta.is_deleting(pod) or found.get("phase") == "Failed":
            ignored.add(name)
        elif found.get("phase") == "Pending":
            unready.add(name)
        elif name not in used:
            missing.add(name)
        elif resource == "cpu" and not _counts(found, used[name], moment):
            unready.add(name)
        else:
            ready += 1
    return _Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _counts(found: Mapping[str, Any], reading: Reading, moment: Moment) -> bool:
    """Whether a pod's processor time is that of its work and not of its start."""
    condition = conditions.get(found.get("conditions"), "Ready")
    if condition is None or not found.get("startTime"):
        return False
    started = clock.parse_rfc3339(found["startTime"])
    changed = clock.parse_rfc3339(condition.get("lastTransitionTime") or found["startTime"])
    is_ready = condition.get("status") == "True"
    if (moment.now - started).total_seconds() < moment.cpu_initialization_seconds:
        # One whole window must have passed since the pod became ready.
        return is_ready and (reading.at - changed).total_seconds() >= reading.window_seconds
    never_ready = (changed - started).total_seconds() < moment.readiness_delay_seconds
    return is_ready or not never_ready


def _request(pod: Obj, resource: str, container: str | None) -> int:
    """What a pod, or its one container, requests, in thousandths; raises MetricError."""
    spec = pod.get("spec") or {}
    lasting = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    total = 0
    for one in (*spec.get("containers", ()), *lasting):
        if container is not None and one["name"] != container:
            continue
        text = ((one.get("resources") or {}).get("requests") or {}).get(resource)
        if text is None:
            raise MetricError(
                f"missing request for {resource} in container {one['name']} "
                f"of Pod {objectmeta.name_of(pod)}"
            )
        total += quantity.millis(text)
    return total


def _percent_ratio(
    values: Mapping[str, int], requests: Mapping[str, int], target_percent: int
) -> tuple[float, int, int]:
    """Ratio to the target, utilization in percent, average in thousandths."""
    total = sum(values.values())
    requested = sum(requests.get(name, 0) for name in values)
    if requested == 0:
        raise MetricError("no metrics returned matched known pods")
    percent = total * 100 // requested
    return percent / target_percent, percent, total // len(values)


def _needed(
    current: int,
    groups: _Groups,
    ratio: float,
    tolerance: Tolerance,
    known: Mapping[str, int],
    ratio_of: Any,
    as_if_missing: Mapping[str, int],
) -> int:
    """Replicas; what is not known is taken for what changes least."""
    counts_unready = bool(groups.unready) and ratio > 1.0
    if not counts_unready and not groups.missing:
        if tolerance.holds(ratio):
            return current
        return _ceil(ratio * groups.ready)
    values = dict(known)
    if ratio < 1.0:
        values |= as_if_missing
    elif ratio > 1.0:
        values |= dict.fromkeys(groups.missing, 0)
    if counts_unready:
        values |= dict.fromkeys(groups.unready, 0)
    corrected: float = ratio_of(values)
    turned = (ratio < 1.0 < corrected) or (corrected < 1.0 < ratio)
    if tolerance.holds(corrected) or turned:
        return current
    needed = _ceil(corrected * len(values))
    if (corrected < 1.0 and needed > current) or (corrected > 1.0 and needed < current):
        return current
    return needed


def _ceil(value: float) -> int:
    """Rounded up, but not for what floating point has added."""
    return math.ceil(value - 1e-9)
