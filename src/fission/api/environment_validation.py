"""What is refused in an Environment."""

from typing import Final

from fission.api import common_validation as common
from fission.api import environment_types, fielderrors
from fission.api.fielderrors import FieldError

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
        *common.validate_at_least("spec.poolsize", spec.pool_size, 0),
        *common.validate_at_least("spec.terminationGracePeriod", grace, 0),
        *common.validate_podspec(spec.runtime.podspec, "spec.runtime.podspec"),
        *common.validate_container(spec.runtime.container, "spec.runtime.container"),
        *_validate_container_names(environment),
        *common.validate_podspec(spec.builder.podspec, "spec.builder.podspec"),
        *common.validate_container(spec.builder.container, "spec.builder.container"),
    ]


def validate_update(
    old: environment_types.Environment, new: environment_types.Environment
) -> list[FieldError]:
    """All faults of a changed environment, those of the change itself included."""
    errors = validate(new)
    if old.spec.version != new.spec.version:
        errors.append(fielderrors.invalid("spec.version", new.spec.version, "version is immutable"))
    return errors


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
