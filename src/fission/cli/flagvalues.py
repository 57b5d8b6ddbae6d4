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


def apply_resources(resources: dict[str, Any], given: Any) -> None:
    """Lay flags of CPU and memory over requests and limits; a least without a most is both.

    What was there and is not named stays; a limit that is less than the new least rises to it.
    """
    from fission.meta import quantity

    for word, unit in (("cpu", "m"), ("memory", "Mi")):
        least, most = getattr(given, f"min{word}"), getattr(given, f"max{word}")
        for flag, value in ((f"min{word}", least), (f"max{word}", most)):
            if value is not None and value <= 0:
                raise errors.UsageError(f"--{flag} {value}: must be greater than 0")
        if least is not None and most is not None and least > most:
            raise errors.UsageError(f"--min{word} {least} is more than --max{word} {most}")
        old_limit = (resources.get("limits") or {}).get(word)
        if least is not None:
            _set(resources, "requests", word, f"{least}{unit}")
            if most is None and (
                old_limit is None or quantity.parse(old_limit) < quantity.parse(f"{least}{unit}")
            ):
                _set(resources, "limits", word, f"{least}{unit}")
        if most is not None:
            asked = (resources.get("requests") or {}).get(word)
            if asked is not None and quantity.parse(asked) > quantity.parse(f"{most}{unit}"):
                raise errors.UsageError(
                    f"--max{word} {most} is less than what is asked for, {asked}; give --min{word}"
                )
            _set(resources, "limits", word, f"{most}{unit}")


def _set(resources: dict[str, Any], bound: str, word: str, value: str) -> None:
    resources[bound] = {**(resources.get(bound) or {}), word: value}


def format_quantity(resources: dict[str, Any] | None, bound: str, resource: str) -> str:
    """A request or limit as it stands in a table; nothing asked for is 0."""
    return str(((resources or {}).get(bound) or {}).get(resource, "0"))
