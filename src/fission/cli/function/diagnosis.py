"""Why a function is or is not invocable, and how long its starts took. Pure."""

import dataclasses
import json
from typing import Any, Final

from fission.api import (
    environment_defaults,
    environment_types,
    function_defaults,
    function_types,
    labels,
    objects,
    package_lifecycle,
    package_types,
)
from fission.cli import output, views
from fission.cli.package import build as package_build
from fission.cli.package import list as package_list
from fission.meta import conditions, podstate

Obj = dict[str, Any]

_SHOWN: Final = 10


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a function when it is described."""

    function: Obj
    package: Obj | None = None
    environment: Obj | None = None
    pods: tuple[Obj, ...] = ()
    """Its own, those on their way out left aside."""
    pool: tuple[Obj, ...] = ()
    """Generic pods of its environment (poolmgr)."""
    deployments: tuple[Obj, ...] = ()
    events: tuple[Obj, ...] | None = ()
    """None: they cannot be read this way."""


def invocable(facts: Facts) -> str:
    """Whether a call would be answered, and how fast; or why not."""
    spec = objects.decode(function_types.Function, facts.function).spec
    executor = function_defaults.executor_type(spec)
    if executor != function_types.CONTAINER:
        missing = _missing(facts, spec)
        if missing:
            return f"No - {missing}"
    warm = [pod for pod in facts.pods if views.is_serving(pod)]
    if warm:
        return f"Yes ({len(warm)} of {len(facts.pods)} warm pod(s) serving)"
    stuck = next((text for pod in facts.pods if (text := why_stuck(pod))), "")
    if stuck:
        return f"No - {output.one_line(stuck, views.MESSAGE_WIDTH)}"
    refusal = _not_ready(facts.function)
    if refusal:
        return f"No - function not Ready: {output.one_line(refusal, views.MESSAGE_WIDTH)}"
    if executor == function_types.POOLMGR:
        return _from_pool(facts)
    if facts.pods or spec.invoke_strategy.execution_strategy.min_scale > 0:
        return "No - no pod is ready yet; calls wait for the first"
    return "Yes (cold start on first call)"


def _missing(facts: Facts, spec: function_types.FunctionSpec) -> str:
    """What of a function is not there, so that no pod could run it."""
    name = spec.environment.name
    if not name:
        return "it names no environment"
    if facts.environment is None:
        return f'its environment "{name}" does not exist'
    if facts.package is None and package_build.package_of(facts.function):
        return "its package does not exist"
    if facts.package is not None and not package_lifecycle.is_loadable(
        objects.decode(package_types.Package, facts.package)
    ):
        return f"the build of its package is {package_list.build_status(facts.package)}"
    return ""


def _not_ready(function: Obj) -> str:
    """What the Ready condition says of the spec as it is, when it says no."""
    found = conditions.get((function.get("status") or {}).get("conditions"), "Ready")
    if found is None or found.get("status") != "False":
        return ""
    seen, is_at = found.get("observedGeneration"), function["metadata"].get("generation")
    if seen is not None and is_at is not None and seen < is_at:
        return ""
    return str(found.get("message") or found.get("reason") or "no reason is given")


def long_failure(facts: Facts) -> str:
    """What the Ready condition says, whole, when a line does not hold it."""
    text = _not_ready(facts.function).rstrip()
    return text if text != output.one_line(text, views.MESSAGE_WIDTH) else ""


def _from_pool(facts: Facts) -> str:
    """A function without a pod gets one of the pool."""
    if any(podstate.is_ready(pod) for pod in facts.pool):
        return "Yes (cold start on first call)"
    stuck = next((text for pod in facts.pool if (text := why_stuck(pod))), "")
    if stuck:
        text = output.one_line(stuck, views.MESSAGE_WIDTH)
        return f"No - no pod of its environment starts: {text}"
    environment = objects.decode(environment_types.Environment, facts.environment)
    if environment_defaults.pool_size(environment.spec) == 0:
        return "Yes (cold start on first call; the pool is of size 0, so a pod is made first)"
    return "Yes (cold start on first call)"


def why_stuck(pod: Obj) -> str:
    """Why a pod will not start by itself soon, and which it is; empty while it may."""
    text = podstate.why_stuck(pod)
    return f"pod {pod['metadata']['name']}: {text}" if text else ""


def troubles(pods: tuple[Obj, ...]) -> list[tuple[str, ...]]:
    """A line per container that waits, has ended or was started again: pod, container, …"""
    rows = []
    for pod in pods:
        state = pod.get("status") or {}
        for condition in state.get("conditions") or ():
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                message = condition.get("message") or output.NONE
                reason = condition.get("reason") or "Unschedulable"
                rows.append((pod["metadata"]["name"], output.NONE, "0", reason, message))
        for container in state.get("containerStatuses") or ():
            row = _trouble(container)
            if row is not None:
                rows.append((pod["metadata"]["name"], *row))
    return sorted(rows)


def _trouble(container: Obj) -> tuple[str, ...] | None:
    now = container.get("state") or {}
    waiting, ended = now.get("waiting") or {}, now.get("terminated") or {}
    before = (container.get("lastState") or {}).get("terminated") or {}
    restarts = int(container.get("restartCount") or 0)
    if not waiting and not ended and not restarts:
        return None
    reason = waiting.get("reason") or ended.get("reason") or "Running"
    said = waiting.get("message") or ended.get("message") or ""
    if before:
        last = f"last ended: {before.get('reason') or 'Error'} (code {before.get('exitCode', '?')})"
        said = f"{said}; {last}" if said else last
    return (container["name"], str(restarts), str(reason), output.one_line(said) or output.NONE)


def cold_starts(facts: Facts) -> list[tuple[str, ...]]:
    """The newest starts, the last one first: when, how long in all, by step, where."""
    found = []
    for obj in (*facts.pods, *facts.deployments):
        text = (obj["metadata"].get("annotations") or {}).get(labels.COLD_START)
        start = _parse(text)
        if start is not None:
            found.append((str(start.get("at") or ""), start, obj["metadata"]["name"]))
    found.sort(key=lambda each: (each[0], each[2]), reverse=True)
    return [
        (
            at,
            f"{_milliseconds(start.get('totalMs'))} ms",
            ", ".join(
                f"{step.get('name')} {_milliseconds(step.get('ms'))}"
                for step in _list(start.get("steps"))
                if isinstance(step, dict)
            )
            or output.NONE,
            name,
        )
        for at, start, name in found[:_SHOWN]
    ]


def _parse(text: str | None) -> Obj | None:
    try:
        start = json.loads(text or "null")
    except ValueError:
        return None
    return start if isinstance(start, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _milliseconds(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"


def events(facts: Facts) -> list[Obj]:
    """The newest events of the function, its pods and their Deployment, the last one last."""
    about = {
        obj["metadata"].get("uid") for obj in (facts.function, *facts.pods, *facts.deployments)
    }
    told = [
        event
        for event in facts.events or ()
        if (event.get("involvedObject") or {}).get("uid") in about
    ]
    return sorted(told, key=last_seen)[-_SHOWN:]


def last_seen(event: Obj) -> str:
    """When an event was told last."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )
