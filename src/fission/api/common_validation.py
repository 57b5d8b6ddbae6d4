"""Checks that several kinds share: names, references, pod specs, containers."""

import posixpath
import re
from typing import Any

from fission.api import durations, fielderrors, reference_types
from fission.api.fielderrors import FieldError
from fission.meta import names, objectmeta

_POD_FLAGS = ("hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "serviceAccount")
_CAPABILITY = "NET_BIND_SERVICE"
_FETCHER = "fetcher"
_FETCHER_TOKEN = "fission-fetcher-sa-token"
_PROGRAM = ("image", "command", "args", "lifecycle")
_DIGITS = re.compile(r"sha256:[a-f0-9]{64}")


def validate_metadata(metadata: objectmeta.ObjectMeta) -> list[FieldError]:
    """The name of an object: there, and a DNS label, since it becomes part of other names."""
    if not metadata.name:
        return [] if metadata.generate_name else [fielderrors.required("metadata.name")]
    return validate_label("metadata.name", metadata.name)


def validate_label(field: str, value: str) -> list[FieldError]:
    """A DNS label."""
    return [fielderrors.invalid(field, value, problem) for problem in names.label_problems(value)]


def validate_same_namespace(field: str, found: str, own: str) -> list[FieldError]:
    """References do not leave the namespace; an empty one is the object's."""
    if found and own and found != own:
        return [fielderrors.invalid(field, found, f'must be the object\'s own, "{own}"')]
    return []


def validate_function_reference(
    reference: reference_types.FunctionReference, field: str
) -> list[FieldError]:
    """One function by name, or several by weight."""
    if reference.type == reference_types.BY_NAME:
        return _validate_by_name(reference, field)
    if reference.type != reference_types.BY_WEIGHT:
        allowed = (reference_types.BY_NAME, reference_types.BY_WEIGHT)
        return [fielderrors.unsupported(f"{field}.type", reference.type, allowed)]
    errors = [
        fielderrors.forbidden(f"{field}.{name}", "only for a reference by name")
        for name, value in (("alias", reference.alias), ("version", reference.version))
        if value
    ]
    weights = reference.function_weights or {}
    if not weights:
        errors.append(fielderrors.required(f"{field}.functionweights"))
    for name, weight in weights.items():
        path = f"{field}.functionweights[{name}]"
        errors += validate_label(path, name)
        if weight < 0:
            errors.append(fielderrors.invalid(path, weight, "must be 0 or more"))
    if weights and not any(weight > 0 for weight in weights.values()):
        errors.append(
            fielderrors.invalid(f"{field}.functionweights", weights, "one must be more than 0")
        )
    return errors


def _validate_by_name(reference: reference_types.FunctionReference, field: str) -> list[FieldError]:
    errors = (
        validate_label(f"{field}.name", reference.name)
        if reference.name
        else [fielderrors.required(f"{field}.name")]
    )
    for name, value in (("alias", reference.alias), ("version", reference.version)):
        if value:
            errors += validate_label(f"{field}.{name}", value)
    if reference.alias and reference.version:
        errors.append(fielderrors.forbidden(f"{field}.version", "not together with alias"))
    return errors


def validate_at_least(field: str, value: int | None, least: int) -> list[FieldError]:
    """A number that may not be smaller; absent is fine."""
    if value is None or value >= least:
        return []
    return [fielderrors.invalid(field, value, f"must be {least} or more")]


def validate_duration(field: str, text: str) -> list[FieldError]:
    """A Go duration of zero or more; empty is fine."""
    if not text:
        return []
    try:
        seconds = durations.parse_seconds(text)
    except durations.DurationError:
        return [fielderrors.invalid(field, text, 'must be a duration such as "90s" or "1h30m"')]
    return [] if seconds >= 0 else [fielderrors.invalid(field, text, "may not be negative")]


def validate_unique_names(field: str, found: list[str]) -> list[FieldError]:
    """No name twice in a list that is keyed by name."""
    seen: set[str] = set()
    errors = []
    for index, name in enumerate(found):
        if name in seen:
            errors.append(fielderrors.duplicate(f"{field}[{index}].name", name))
        seen.add(name)
    return errors


def validate_podspec(spec: dict[str, Any] | None, field: str) -> list[FieldError]:
    """A pod specification that stays inside its pod."""
    if not spec:
        return []
    errors = [
        fielderrors.forbidden(f"{field}.{flag}", "may not be set")
        for flag in _POD_FLAGS
        if spec.get(flag)
    ]
    if spec.get("automountServiceAccountToken"):
        errors.append(
            fielderrors.forbidden(
                f"{field}.automountServiceAccountToken",
                "may not be true: the token is the platform's own",
            )
        )
    for index, volume in enumerate(spec.get("volumes") or ()):
        errors += _validate_volume(volume, f"{field}.volumes[{index}]")
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            path = f"{field}.{group}[{index}]"
            errors += [*validate_container(container, path), *_validate_fetcher(container, path)]
    return errors


def _validate_volume(volume: dict[str, Any], field: str) -> list[FieldError]:
    if volume.get("hostPath") is not None:
        detail = "may not be mounted; use emptyDir, configMap, secret or persistentVolumeClaim"
        return [fielderrors.forbidden(f"{field}.hostPath", detail)]
    sources = (volume.get("projected") or {}).get("sources") or ()
    return [
        fielderrors.forbidden(
            f"{field}.projected.sources[{index}].serviceAccountToken",
            "may not be mounted: the token is the platform's own",
        )
        for index, source in enumerate(sources)
        if source.get("serviceAccountToken") is not None
    ]


def _validate_fetcher(container: dict[str, Any], field: str) -> list[FieldError]:
    """The fetcher holds the platform's token; a pod specification does not change what it runs."""
    if container.get("name") != _FETCHER:
        return []
    detail = f'is that of the platform\'s own container "{_FETCHER}"; name yours otherwise'
    return [
        fielderrors.forbidden(f"{field}.{key}", detail) for key in _PROGRAM if container.get(key)
    ]


def validate_container(container: dict[str, Any] | None, field: str) -> list[FieldError]:
    """A container that asks for no privileges."""
    context = (container or {}).get("securityContext") or {}
    path = f"{field}.securityContext"
    errors = [
        fielderrors.forbidden(f"{path}.{flag}", "may not be true")
        for flag in ("privileged", "allowPrivilegeEscalation")
        if context.get(flag)
    ]
    added = (context.get("capabilities") or {}).get("add") or ()
    if any(name != _CAPABILITY for name in added):
        errors.append(fielderrors.unsupported(f"{path}.capabilities.add", added, [_CAPABILITY]))
    for index, mount in enumerate((container or {}).get("volumeMounts") or ()):
        if mount.get("name") == _FETCHER_TOKEN:
            errors.append(
                fielderrors.forbidden(
                    f"{field}.volumeMounts[{index}].name",
                    f'the volume "{_FETCHER_TOKEN}" is the fetcher\'s own',
                )
            )
    return errors


def is_clean_relative_path(path: str) -> bool:
    """Whether a path stays below where it is joined to, and says so plainly."""
    return (
        path not in ("", ".")
        and "\\" not in path
        and "\0" not in path
        and not path.startswith("/")
        and posixpath.normpath(path) == path
        and path.split("/")[0] != ".."
    )


def is_digest(text: str) -> bool:
    """Whether it is a ``sha256:`` digest."""
    return _DIGITS.fullmatch(text) is not None
