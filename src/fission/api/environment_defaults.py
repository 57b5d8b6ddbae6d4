"""What an empty field of an Environment stands for."""

from typing import Final

from fission.api import environment_types

POOL_SIZE: Final = 3
"""Pods kept for versions 1 and 2, which cannot say."""
TERMINATION_GRACE_PERIOD_SECONDS: Final = 90
BUILD_COMMAND: Final = "build"


def version(spec: environment_types.EnvironmentSpec) -> int:
    """Interface version; 0, as old objects have it, is 1."""
    return spec.version or 1


def is_infinite(spec: environment_types.EnvironmentSpec) -> bool:
    """Whether one pod takes any number of functions."""
    return spec.allowed_functions_per_container == environment_types.INFINITE


def pool_size(spec: environment_types.EnvironmentSpec) -> int:
    """Generic pods kept warm: one for ``infinite``, what version 3 says, 3 for older ones."""
    if is_infinite(spec):
        return 1
    return spec.pool_size if version(spec) >= 3 else POOL_SIZE


def termination_grace_period_seconds(spec: environment_types.EnvironmentSpec) -> int:
    """How long a pod may finish its requests."""
    if spec.termination_grace_period is None:
        return TERMINATION_GRACE_PERIOD_SECONDS
    return spec.termination_grace_period


def has_builder(spec: environment_types.EnvironmentSpec) -> bool:
    """Whether a builder is deployed; version 1 has none."""
    return version(spec) >= 2 and bool(spec.builder.image)


def archive_filename(spec: environment_types.EnvironmentSpec, function_uid: str) -> str:
    """Name under which the fetcher puts the code of a function."""
    if is_infinite(spec):
        return function_uid
    return "user" if version(spec) == 1 else "deployarchive"
