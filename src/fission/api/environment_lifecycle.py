"""The conditions of an Environment.

There are none that the platform writes: names of builders contain the environment's
resourceVersion, so a status write would rename them. Readers may still ask.
"""

from fission.api import conditions, environment_types


def is_ready(environment: environment_types.Environment) -> bool:
    """Whether somebody else, a cluster's own controller for one, said that it is ready."""
    return conditions.is_ready(environment.status, environment.metadata.generation)
