"""From what was typed after a flag to what objects hold: labels, annotations, CPU, variables."""

from collections.abc import Sequence
from typing import Any

from fission.cli import errors


def parse_labels(text: str) -> dict[str, str]:
    """``k=v,k2=v2`` as a mapping."""
    result = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise errors.UsageError(f"invalid labels: {part!r} is not key=value")
        result[key.strip()] = value.strip()
    return result


def parse_annotations(values: Sequence[str]) -> dict[str, str]:
    """Each ``k=v`` as an entry."""
    result = {}
    for part in values:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise errors.UsageError(f"invalid annotations: {part!r} is not key=value")
        result[key] = value
    return result


def apply_metadata(metadata: Any, labels: str | None, annotations: Sequence[str]) -> None:
    """Labels and annotations that were given replace those that are there."""
    if labels is not None:
        metadata.labels = parse_labels(labels)
    if annotations:
        metadata.annotations = parse_annotations(annotations)


def parse_variables(values: Sequence[str], flag: str) -> list[dict[str, str]]:
    """Each ``NAME=value`` as an environment variable of a container."""
    result = []
    for part in values:
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise errors.UsageError(f"invalid {flag}: {part!r} is not KEY=VALUE")
        result.append({"name": name, "value": value})
    return result


def make_resources(
    mincpu: int | None, maxcpu: int | None, minmemory: int | None, maxmemory: int | None
) -> dict[str, Any]:
    """Requests and limits; a least amount without a most one is both."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for word, resource, unit, least, most in (
        ("cpu", "cpu", "m", mincpu, maxcpu),
        ("memory", "memory", "Mi", minmemory, maxmemory),
    ):
        for flag, value in ((f"min{word}", least), (f"max{word}", most)):
            if value is not None and value <= 0:
                raise errors.UsageError(f"--{flag} {value}: must be greater than 0")
        if least is not None and most is not None and least > most:
            raise errors.UsageError(f"--min{word} {least} is more than --max{word} {most}")
        if least is not None:
            requests[resource] = f"{least}{unit}"
            limits[resource] = f"{least}{unit}"
        if most is not None:
            limits[resource] = f"{most}{unit}"
    return {key: value for key, value in (("limits", limits), ("requests", requests)) if value}


def format_quantity(resources: dict[str, Any] | None, bound: str, resource: str) -> str:
    """A request or limit as it stands in a table; nothing asked for is 0."""
    return str(((resources or {}).get(bound) or {}).get(resource, "0"))
