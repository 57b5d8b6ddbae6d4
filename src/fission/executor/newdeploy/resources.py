"""The pod template of a newdeploy function, and the objects around it. Pure.

Nothing in the template changes unless pods should be replaced: not the function's resourceVersion,
which moves with its status, and not its generation, which moves when only its scale does.
"""

from __future__ import annotations

from typing import Any

from fission.api import environment_types, function_types, package_types
from fission.contracts import environment as runtime_wire
from fission.contracts import fetcher as wire
from fission.executor import podparts, requests
from fission.executor.workload import objects

Obj = dict[str, Any]


def make_objects(
    function: function_types.Function,
    environment: environment_types.Environment,
    settings_hash: str,
    place: objects.Place,
    options: podparts.Options,
) -> objects.Objects:
    """Everything that the function should have; InvalidInput when podspecs do not merge."""
    template = make_template(function, environment, settings_hash, options)
    container = environment.metadata.name
    return objects.assemble(function, place, template, container, runtime_wire.PORT_NAME)


def make_template(
    function: function_types.Function,
    environment: environment_types.Environment,
    settings_hash: str,
    options: podparts.Options,
) -> Obj:
    """The pods of the function."""
    spec = function.spec
    additions = podparts.Additions(
        startup=startup_request(function, environment),
        resources=spec.resources,
        env=[*spec.env, *podparts.settings_variable(settings_hash)],
        env_from=spec.env_from,
        podspec=spec.podspec,
    )
    own = podparts.without_last_applied(function.metadata.annotations)
    return {
        "metadata": {
            "labels": {
                **environment.metadata.labels,
                **function.metadata.labels,
                **objects.environment_labels(environment),
                **objects.selector_of(function),
            },
            "annotations": {**podparts.make_annotations(environment, options), **own},
        },
        "spec": podparts.make_podspec(environment, options, additions),
    }


def startup_request(
    function: function_types.Function, environment: environment_types.Environment
) -> wire.FunctionSpecializeRequest:
    """What the pods' fetchers load; they find the package and storagesvc by themselves."""
    package = package_types.Package()
    reference = function.spec.package.package_ref
    package.metadata.name = reference.name
    package.metadata.namespace = reference.namespace or function.metadata.namespace
    # Its own version moves with every line of a build log; this one when the function is to change.
    package.metadata.resource_version = reference.resource_version
    request = requests.make_request(function, environment, package, "")
    request.fetch.archive = None
    request.fetch.env = []  # the container has them
    request.fetch.env_from = []
    named = request.load.function_metadata
    assert named is not None
    named.resource_version = ""
    named.generation = 0
    request.load.requests_per_pod = 0  # newdeploy spreads requests, it does not count them
    return request
