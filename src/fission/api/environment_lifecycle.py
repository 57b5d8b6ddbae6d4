"""The conditions of an Environment.

There are none that the platform writes: other builder managers replace builders with every new
resourceVersion of their environment, so a status write would replace them. What is to be said of an
environment is said on its packages, and in Events. Readers may still ask.
"""

from fission.api import conditions, environment_types


def is_ready(environment: environment_types.Environment) -> bool:
    """Whether somebody else, a cluster's own controller for one, said that it is ready."""
    return conditions.is_ready(environment.status, environment.metadata.generation)
