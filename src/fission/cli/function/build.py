"""From the flags of ``fn create`` and ``fn update`` to the fields of a Function. Pure."""

from typing import Any, Final

from fission.api import function_defaults, function_types
from fission.cli import errors, flagvalues

_EXECUTORS: Final = (function_types.POOLMGR, function_types.NEWDEPLOY)
_SCALE_MESSAGE: Final = (
    'to set target CPU or min/max scale for function, please specify "--executortype newdeploy"'
)


def make_function(name: str, namespace: str, given: Any) -> function_types.Function:
    """The function that ``fn create`` writes, without its package."""
    function = function_types.Function()
    function.metadata.name = name
    function.metadata.namespace = namespace
    spec = function.spec
    spec.environment.namespace = namespace
    spec.function_timeout = function_defaults.TIMEOUT_SECONDS
    spec.idle_timeout = function_defaults.IDLE_TIMEOUT_SECONDS
    spec.concurrency = function_defaults.CONCURRENCY
    spec.requests_per_pod = function_defaults.REQUESTS_PER_POD
    execution = spec.invoke_strategy.execution_strategy
    execution.executor_type = function_types.POOLMGR
    execution.specialization_timeout = function_defaults.SPECIALIZATION_TIMEOUT_SECONDS
    apply(function, given)
    return function


def apply(function: function_types.Function, given: Any) -> None:
    """Lay the flags that were given over a function."""
    spec = function.spec
    if given.entrypoint is not None:
        spec.package.function_name = given.entrypoint
    _apply_executor(spec, given)
    _apply_numbers(spec, given)
    wanted = flagvalues.make_resources(given.mincpu, given.maxcpu, given.minmemory, given.maxmemory)
    for bound, quantities in wanted.items():
        spec.resources[bound] = {**spec.resources.get(bound, {}), **quantities}
    namespace = function.metadata.namespace
    if given.secret:
        spec.secrets = _mounts(given.secret, namespace)
    if given.configmap:
        spec.config_maps = _mounts(given.configmap, namespace)
    _apply_variables(spec, given)
    flagvalues.apply_metadata(function.metadata, given.labels, given.annotation)


def _apply_executor(spec: function_types.FunctionSpec, given: Any) -> None:
    execution = spec.invoke_strategy.execution_strategy
    if given.executortype is not None:
        if given.executortype == function_types.CONTAINER:
            raise errors.UsageError(
                "this command does not support creating container functions: its code comes as an"
                " archive, theirs as an image"
            )
        if given.executortype not in _EXECUTORS:
            raise errors.UsageError(
                f'invalid executor type "{given.executortype}": valid values are '
                + ", ".join(_EXECUTORS)
            )
        if given.executortype != function_defaults.executor_type(spec):
            execution.min_scale = execution.max_scale = execution.target_cpu_percent = 0
        execution.executor_type = given.executortype
    scale = (given.minscale, given.maxscale, given.targetcpu)
    if function_defaults.executor_type(spec) == function_types.POOLMGR:
        if any(value is not None for value in scale):
            raise errors.UsageError(_SCALE_MESSAGE)
        return
    _apply_scale(execution, *scale)


def _apply_scale(
    execution: function_types.ExecutionStrategy,
    least: int | None,
    most: int | None,
    target: int | None,
) -> None:
    if target is not None and not 1 <= target <= 100:
        raise errors.UsageError(f"--targetcpu {target}: must be 1 to 100")
    if least is not None and least < 0:
        raise errors.UsageError(f"--minscale {least}: must be 0 or more")
    if most is not None and most < 1:
        raise errors.UsageError(f"--maxscale {most}: must be greater than 0")
    is_fresh = execution.max_scale == 0
    if least is not None:
        execution.min_scale = least
    elif is_fresh:
        execution.min_scale = 1
    if most is not None:
        execution.max_scale = most
    elif is_fresh or execution.max_scale < execution.min_scale:
        execution.max_scale = max(execution.min_scale, 1)
    if execution.min_scale > execution.max_scale:
        raise errors.UsageError(
            f"minscale ({execution.min_scale}) is greater than maxscale ({execution.max_scale})"
        )
    if target is not None:
        execution.target_cpu_percent = target
    elif is_fresh and not execution.hpa_metrics:
        execution.target_cpu_percent = function_defaults.TARGET_CPU_PERCENT


def _apply_numbers(spec: function_types.FunctionSpec, given: Any) -> None:
    if given.fntimeout is not None:
        if given.fntimeout <= 0:
            raise errors.UsageError("fntimeout must be greater than 0")
        spec.function_timeout = given.fntimeout
    if given.specializationtimeout is not None:
        least = function_defaults.SPECIALIZATION_TIMEOUT_SECONDS
        if given.specializationtimeout < least:
            raise errors.UsageError(f"specializationtimeout must be {least} seconds or more")
        spec.invoke_strategy.execution_strategy.specialization_timeout = given.specializationtimeout
    for flag, attribute in (
        ("idletimeout", "idle_timeout"),
        ("concurrency", "concurrency"),
        ("requestsperpod", "requests_per_pod"),
        ("retainpods", "retain_pods"),
    ):
        value = getattr(given, flag)
        if value is None:
            continue
        if value < 0:
            raise errors.UsageError(f"--{flag} {value}: must be 0 or more")
        setattr(spec, attribute, value)
    if given.onceonly is not None:
        spec.once_only = given.onceonly


def _mounts(names: tuple[str, ...], namespace: str) -> list[function_types.MountedReference]:
    return [
        function_types.MountedReference(name=name, namespace=namespace)
        for name in dict.fromkeys(names)
    ]


def _apply_variables(spec: function_types.FunctionSpec, given: Any) -> None:
    if not (given.env_var or given.env_from_secret or given.env_from_configmap):
        return
    variables: list[dict[str, Any]] = [*flagvalues.parse_variables(given.env_var, "--env-var")]
    whole: list[dict[str, Any]] = []
    for values, key_word, whole_word, flag in (
        (given.env_from_secret, "secretKeyRef", "secretRef", "--env-from-secret"),
        (given.env_from_configmap, "configMapKeyRef", "configMapRef", "--env-from-configmap"),
    ):
        for value in values:
            name, slash, rest = value.partition("/")
            key, _, variable = rest.partition(":")
            if not name or (slash and not key):
                raise errors.UsageError(
                    f"invalid {flag}: {value!r} is not name, name/key or name/key:ENV"
                )
            if not slash:
                whole.append({whole_word: {"name": name}})
                continue
            source = {key_word: {"name": name, "key": key}}
            variables.append({"name": variable or key, "valueFrom": source})
    spec.env = variables
    spec.env_from = whole


def warn_limits(given: Any, spec: function_types.FunctionSpec) -> str:
    """What is said when CPU or memory were asked for where they have no effect."""
    asked = (given.mincpu, given.maxcpu, given.minmemory, given.maxmemory)
    if function_defaults.executor_type(spec) == function_types.POOLMGR and any(asked):
        return (
            "CPU and memory of a poolmgr function are those of its environment; set them with"
            " `fission env update`"
        )
    return ""
