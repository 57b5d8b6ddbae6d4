"""From the flags of ``fn create`` and ``fn update`` to the fields of a Function. Pure."""

from typing import Any, Final

from fission.api import function_defaults, function_types
from fission.cli import errors, flagvalues

_EXECUTORS: Final = (function_types.POOLMGR, function_types.NEWDEPLOY)
_POOLED_FLAGS: Final = ("concurrency", "requestsperpod", "onceonly", "retainpods")
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
    apply_shared(function, given)


def apply_shared(function: function_types.Function, given: Any) -> None:
    """What functions have whose code comes as an archive, and those whose code is an image."""
    spec, namespace = function.spec, function.metadata.namespace
    _apply_numbers(spec, given)
    flagvalues.apply_resources(spec.resources, given)
    if given.secret:
        spec.secrets = _mounts(given.secret, namespace)
    if given.configmap:
        spec.config_maps = _mounts(given.configmap, namespace)
    _apply_variables(spec, given)
    flagvalues.apply_metadata(function.metadata, given.labels, given.annotation)


def _apply_executor(spec: function_types.FunctionSpec, given: Any) -> None:
    execution = spec.invoke_strategy.execution_strategy
    if function_defaults.executor_type(spec) == function_types.CONTAINER:
        raise errors.UsageError(
            "this function runs an image", "", "change it with `fission fn update-container`"
        )
    if given.executortype is not None:
        if given.executortype == function_types.CONTAINER:
            raise errors.UsageError(
                "this command does not support creating container functions",
                "their code comes as an image, not as an archive",
                "use `fission fn run-container`",
            )
        if given.executortype not in _EXECUTORS:
            raise errors.UsageError(
                f'invalid executor type "{given.executortype}": valid values are '
                + ", ".join(_EXECUTORS)
            )
        if given.executortype != function_defaults.executor_type(spec):
            execution.min_scale = execution.max_scale = execution.target_cpu_percent = 0
        execution.executor_type = given.executortype
    if function_defaults.executor_type(spec) == function_types.POOLMGR:
        if any(value is not None for value in (given.minscale, given.maxscale, given.targetcpu)):
            raise errors.UsageError(_SCALE_MESSAGE)
        return
    apply_scale(execution, given.minscale, given.maxscale, given.targetcpu)


def apply_scale(
    execution: function_types.ExecutionStrategy,
    least: int | None,
    most: int | None,
    target: int | None,
) -> None:
    """Lay a scale over that of a newdeploy or container function; without any, 1 to 1 at 80 %."""
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
        value = getattr(given, flag, None)
        if value is None:
            continue
        if value < 0:
            raise errors.UsageError(f"--{flag} {value}: must be 0 or more")
        setattr(spec, attribute, value)
    if getattr(given, "onceonly", None) is not None:
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


def warnings(
    given: Any, spec: function_types.FunctionSpec, before: function_types.FunctionSpec | None = None
) -> list[str]:
    """What is said of flags that have no effect, or a larger one than meant.

    ``before`` is what an update found.
    """
    said = []
    asked = (given.mincpu, given.maxcpu, given.minmemory, given.maxmemory)
    pooled = function_defaults.executor_type(spec) == function_types.POOLMGR
    if pooled and any(value is not None for value in asked):
        said.append(
            "CPU and memory of a poolmgr function are those of its environment; set them with"
            " `fission env update`"
        )
    idle = [
        f"--{flag}" for flag in _POOLED_FLAGS if getattr(given, flag, None) not in (None, False)
    ]
    if idle and not pooled:
        executor = function_defaults.executor_type(spec)
        said.append(f"{', '.join(idle)}: without effect on a {executor} function")
    if before is not None:
        gone = _names_of_variables(before) - _names_of_variables(spec)
        if gone:
            said.append(
                "flags of variables replace all of them; these are gone: " + ", ".join(sorted(gone))
            )
    return said


def _names_of_variables(spec: function_types.FunctionSpec) -> set[str]:
    """Each variable, and each object whose keys all are."""
    named = {str(variable.get("name", "")) for variable in spec.env}
    for source in spec.env_from:
        for key, word in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            if key in source:
                named.add(f"those of {word} {source[key].get('name', '')}")
    return named


def names_of_sources(spec: function_types.FunctionSpec) -> tuple[list[str], list[str]]:
    """Secrets and ConfigMaps without which the function cannot start, each once."""
    secrets = [each.name for each in spec.secrets]
    config_maps = [each.name for each in spec.config_maps]
    sources = [variable.get("valueFrom") or {} for variable in spec.env]
    for source in [*sources, *spec.env_from]:
        for found, keys in (
            (secrets, ("secretKeyRef", "secretRef")),
            (config_maps, ("configMapKeyRef", "configMapRef")),
        ):
            references = (source.get(key) or {} for key in keys)
            found += [
                str(each["name"])
                for each in references
                if "name" in each and not each.get("optional")
            ]
    return list(dict.fromkeys(secrets)), list(dict.fromkeys(config_maps))
