"""From the flags of ``fn run-container`` and ``fn update-container`` to a Function. Pure."""

import shlex
from typing import Any, Final

from fission.api import function_defaults, function_types
from fission.cli import errors, options
from fission.cli.function import build
from fission.cli.function import flags as function_flags

PORT: Final = 8888
GRACE_SECONDS: Final = 360
_PORT_NAME: Final = "http-env"
_LAST_PORT: Final = 65535


def flags(function: Any) -> Any:
    """Flags that both commands have."""
    for decorate in reversed(
        (
            options.integer("--port", help="Port that the image listens on", default=PORT),
            options.string("--command", help="Command instead of the image's, as a shell reads it"),
            options.string("--args", help="Its arguments, as a shell reads them"),
            options.integer("--fntimeout", "--ft", help="Seconds a request may take", default=60),
            options.integer(
                "--specializationtimeout",
                "--st",
                help="Seconds that making a pod ready may take",
                default=120,
            ),
            options.integer(
                "--idletimeout", help="Idle seconds before pods go, down to --minscale", default=120
            ),
            function_flags.scale,
            options.compute,
            options.strings("--secret", help="Secret whose keys are variables; repeatable"),
            options.strings("--configmap", help="ConfigMap whose keys are variables; repeatable"),
            function_flags.variables,
            options.metadata,
        )
    ):
        function = decorate(function)
    return function


def make_function(name: str, namespace: str, given: Any) -> function_types.Function:
    """The function that ``fn run-container`` writes."""
    function = function_types.Function()
    function.metadata.name = name
    function.metadata.namespace = namespace
    spec = function.spec
    spec.environment.namespace = namespace
    spec.function_timeout = function_defaults.TIMEOUT_SECONDS
    spec.idle_timeout = function_defaults.IDLE_TIMEOUT_SECONDS
    execution = spec.invoke_strategy.execution_strategy
    execution.executor_type = function_types.CONTAINER
    execution.specialization_timeout = function_defaults.SPECIALIZATION_TIMEOUT_SECONDS
    port = {"name": _PORT_NAME, "containerPort": PORT}
    grace = GRACE_SECONDS if given.graceperiod is None else given.graceperiod
    if grace < 0:
        raise errors.UsageError(f"--graceperiod {grace}: must be 0 or more")
    spec.podspec = {
        "containers": [{"name": name, "image": given.image, "ports": [port]}],
        "terminationGracePeriodSeconds": grace,
    }
    if given.imagepullsecret:
        spec.podspec["imagePullSecrets"] = [{"name": given.imagepullsecret}]
    apply(function, given)
    return function


def apply(function: function_types.Function, given: Any) -> None:
    """Lay the flags that were given over a container function; the rest stays as it is."""
    spec = function.spec
    executor = function_defaults.executor_type(spec)
    if executor != function_types.CONTAINER:
        raise errors.UsageError(
            f"executor type of this function is {executor}, not container",
            "",
            "change it with `fission fn update`",
        )
    _apply_container(spec, given)
    build.apply_scale(
        spec.invoke_strategy.execution_strategy, given.minscale, given.maxscale, given.targetcpu
    )
    build.apply_shared(function, given)


def _apply_container(spec: function_types.FunctionSpec, given: Any) -> None:
    podspec = spec.podspec or {}
    first, *others = podspec.get("containers") or [{}]
    container = dict(first)
    if given.image is not None:
        container["image"] = given.image
    if given.port is not None:
        if not 1 <= given.port <= _LAST_PORT:
            raise errors.UsageError(f"--port {given.port}: must be 1 to {_LAST_PORT}")
        kept = (container.get("ports") or [{"name": _PORT_NAME}])[0]
        container["ports"] = [{**kept, "containerPort": given.port}]
    for flag, value in (("command", given.command), ("args", given.args)):
        if value is not None:
            container[flag] = _words(flag, value)
            if not container[flag]:
                del container[flag]
    spec.podspec = {**podspec, "containers": [container, *others]}


def _words(flag: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise errors.UsageError(f"--{flag} {text!r}: {error}") from error
