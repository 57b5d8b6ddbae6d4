"""What is refused in an Environment."""

from typing import Final

from fission.api import common_validation as common
from fission.api import environment_types, fielderrors, labels
from fission.api.fielderrors import FieldError

_LAST_PORT: Final = 65535
_SHARING: Final = ("", environment_types.SINGLE, environment_types.INFINITE)


def validate(environment: environment_types.Environment) -> list[FieldError]:
    """All faults of an environment."""
    spec = environment.spec
    errors = common.validate_metadata(environment.metadata)
    if not 1 <= spec.version <= 3:
        errors.append(fielderrors.unsupported("spec.version", spec.version, ("1", "2", "3")))
    if not spec.runtime.image:
        errors.append(fielderrors.required("spec.runtime.image"))
    if spec.allowed_functions_per_container not in _SHARING:
        errors.append(
            fielderrors.unsupported(
                "spec.allowedFunctionsPerContainer", spec.allowed_functions_per_container, _SHARING
            )
        )
    grace = spec.termination_grace_period
    return [
        *errors,
        *validate_outbound(environment),
        *common.validate_at_least("spec.poolsize", spec.pool_size, 0),
        *common.validate_at_least("spec.terminationGracePeriod", grace, 0),
        *common.validate_podspec(spec.runtime.podspec, "spec.runtime.podspec"),
        *common.validate_container(spec.runtime.container, "spec.runtime.container"),
        *_validate_container_names(environment),
        *common.validate_podspec(spec.builder.podspec, "spec.builder.podspec"),
        *common.validate_container(spec.builder.container, "spec.builder.container"),
    ]


def validate_outbound(environment: environment_types.Environment) -> list[FieldError]:
    """The annotation that says where functions may connect to; absent is the default."""
    found = environment.metadata.annotations.get(labels.OUTBOUND)
    if found in (None, "none", "open"):
        return []
    kind, _, listed = (found or "").partition(":")
    if kind == "ports" and all(_is_port(number.strip()) for number in listed.split(",")):
        return []
    field = f"metadata.annotations[{labels.OUTBOUND}]"
    detail = "must be none, open, or ports: and numbers from 1 to 65535, as in ports:443,5432"
    return [fielderrors.invalid(field, found, detail)]


def validate_update(
    old: environment_types.Environment, new: environment_types.Environment
) -> list[FieldError]:
    """All faults of a changed environment, those of the change itself included."""
    errors = validate(new)
    if old.spec.version != new.spec.version:
        errors.append(fielderrors.invalid("spec.version", new.spec.version, "version is immutable"))
    return errors


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT


def _validate_container_names(environment: environment_types.Environment) -> list[FieldError]:
    """A container with the runtime's image and no command is the runtime; it must be named so."""
    runtime, name = environment.spec.runtime, environment.metadata.name
    return [
        fielderrors.invalid(
            f"spec.runtime.podspec.containers[{index}].name",
            container.get("name"),
            f'runs the runtime\'s image, so it must be named as the environment, "{name}"',
        )
        for index, container in enumerate((runtime.podspec or {}).get("containers") or ())
        if container.get("image") == runtime.image
        and not container.get("command")
        and container.get("name") != name
    ]
