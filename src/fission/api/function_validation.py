"""What is refused in a Function. Each check answers with the faults it found."""

import re
from typing import Final

from fission.api import common_validation as common
from fission.api import durations, fielderrors, function_defaults, function_types
from fission.api.fielderrors import FieldError
from fission.base import cron

_ENV_SOURCES: Final = ("secretKeyRef", "configMapKeyRef")
_ENV_FROM_SOURCES: Final = ("secretRef", "configMapRef")
_STRATEGIES: Final = ("", function_types.STRATEGY_EXECUTION)
_MAX_WINDOWS: Final = 32
_MAX_WINDOW_NAME: Final = 63
_WINDOW_DURATION: Final = re.compile(r"[0-9]+(ns|us|µs|ms|s|m|h)\Z")
_EXECUTOR_PATH: Final = "spec.InvokeStrategy.ExecutionStrategy"


def validate(function: function_types.Function) -> list[FieldError]:
    """All faults of a function."""
    spec, namespace = function.spec, function.metadata.namespace
    return [
        *common.validate_metadata(function.metadata),
        *validate_reach(function),
        *_validate_references(spec),
        *_validate_strategy(spec),
        *_validate_numbers(spec),
        *_validate_mounts(spec.secrets, "spec.secrets", namespace),
        *_validate_mounts(spec.config_maps, "spec.configmaps", namespace),
        *_validate_env(spec),
        *_validate_options(spec),
        *_validate_podspec(spec),
    ]


def validate_reach(function: function_types.Function) -> list[FieldError]:
    """References that lead into another namespace, to what its owner gave nobody."""
    spec, namespace = function.spec, function.metadata.namespace
    named = [
        ("spec.environment.namespace", spec.environment.namespace),
        ("spec.package.packageref.namespace", spec.package.package_ref.namespace),
    ]
    for field, references in (("secrets", spec.secrets), ("configmaps", spec.config_maps)):
        named += [
            (f"spec.{field}[{index}].namespace", each.namespace)
            for index, each in enumerate(references)
        ]
    return [
        error
        for field, found in named
        for error in common.validate_same_namespace(field, found, namespace)
    ]


def _validate_references(spec: function_types.FunctionSpec) -> list[FieldError]:
    environment, package = spec.environment, spec.package.package_ref
    errors = []
    if environment.name:
        errors += common.validate_label("spec.environment.name", environment.name)
    elif function_defaults.executor_type(spec) != function_types.CONTAINER:
        errors.append(fielderrors.required("spec.environment.name"))
    if package.name:
        errors += common.validate_label("spec.package.packageref.name", package.name)
    return errors


def _validate_strategy(spec: function_types.FunctionSpec) -> list[FieldError]:
    invoke = spec.invoke_strategy
    execution = invoke.execution_strategy
    errors = []
    if invoke.strategy_type not in _STRATEGIES:
        errors.append(
            fielderrors.unsupported(
                "spec.InvokeStrategy.StrategyType", invoke.strategy_type, _STRATEGIES
            )
        )
    executor = function_defaults.executor_type(spec)
    if executor not in function_types.EXECUTOR_TYPES:
        allowed = function_types.EXECUTOR_TYPES
        errors.append(fielderrors.unsupported(f"{_EXECUTOR_PATH}.ExecutorType", executor, allowed))
    if executor in (function_types.NEWDEPLOY, function_types.CONTAINER):
        errors += _validate_scale(execution)
    return errors


def _validate_scale(execution: function_types.ExecutionStrategy) -> list[FieldError]:
    least, most, cpu = execution.min_scale, execution.max_scale, execution.target_cpu_percent
    errors = common.validate_at_least(f"{_EXECUTOR_PATH}.MinScale", least, 0)
    path = f"{_EXECUTOR_PATH}.MaxScale"
    if most <= 0:
        errors.append(fielderrors.invalid(path, most, "must be greater than 0"))
    elif most < least:
        errors.append(fielderrors.invalid(path, most, f"must be MinScale ({least}) or more"))
    if not 0 <= cpu <= 100:
        errors.append(
            fielderrors.invalid(f"{_EXECUTOR_PATH}.TargetCPUPercent", cpu, "must be 0 to 100")
        )
    return errors


def _validate_numbers(spec: function_types.FunctionSpec) -> list[FieldError]:
    fields = {
        "functionTimeout": spec.function_timeout,
        "idletimeout": spec.idle_timeout,
        "concurrency": spec.concurrency,
        "requestsPerPod": spec.requests_per_pod,
        "retainPods": spec.retain_pods,
    }
    return [
        error
        for name, value in fields.items()
        for error in common.validate_at_least(f"spec.{name}", value, 0)
    ]


def _validate_mounts(
    references: list[function_types.MountedReference], field: str, namespace: str
) -> list[FieldError]:
    errors = common.validate_unique_names(field, [each.name for each in references])
    places: set[str] = set()
    for index, each in enumerate(references):
        path = f"{field}[{index}]"
        errors += common.validate_label(f"{path}.name", each.name)
        where = each.namespace or namespace  # none in a file that leaves it open
        place = each.mount_path or (f"{where}/{each.name}" if where else each.name)
        if not common.is_clean_relative_path(place):
            errors.append(
                fielderrors.invalid(
                    f"{path}.mountPath", place, "must be a relative path that stays inside"
                )
            )
        elif place in places:
            errors.append(fielderrors.duplicate(f"{path}.mountPath", place))
        places.add(place)
    return errors


def _validate_env(spec: function_types.FunctionSpec) -> list[FieldError]:
    errors = []
    for index, variable in enumerate(spec.env):
        path, name = f"spec.env[{index}]", str(variable.get("name") or "")
        if not name:
            errors.append(fielderrors.required(f"{path}.name"))
        elif name.startswith(function_types.RESERVED_ENV_PREFIX) or (
            name in function_types.RESERVED_ENV
        ):
            errors.append(
                fielderrors.invalid(f"{path}.name", name, "is reserved; choose another name")
            )
        for source in variable.get("valueFrom") or ():
            if source not in _ENV_SOURCES:
                errors.append(fielderrors.unsupported(f"{path}.valueFrom", source, _ENV_SOURCES))
    for index, source in enumerate(spec.env_from):
        path = f"spec.envFrom[{index}]"
        named = [key for key in _ENV_FROM_SOURCES if (source.get(key) or {}).get("name")]
        if len(named) != 1:
            allowed = " and ".join(_ENV_FROM_SOURCES)
            errors.append(fielderrors.required(path, f"exactly one of {allowed}, with a name"))
        prefix = str(source.get("prefix") or "")
        if prefix.startswith(function_types.RESERVED_ENV_PREFIX):
            errors.append(
                fielderrors.invalid(f"{path}.prefix", prefix, "is reserved; choose another prefix")
            )
    return [*errors, *_validate_container_env(spec)]


def _validate_container_env(spec: function_types.FunctionSpec) -> list[FieldError]:
    """What a container function mounts becomes variables, unless it says which variables."""
    if function_defaults.executor_type(spec) != function_types.CONTAINER or not spec.env_from:
        return []
    detail = (
        "not together with envFrom on the container executor; name it in envFrom, or leave out"
        " envFrom"
    )
    return [
        fielderrors.forbidden(f"spec.{name}", detail)
        for name, value in (("secrets", spec.secrets), ("configmaps", spec.config_maps))
        if value
    ]


def _validate_options(spec: function_types.FunctionSpec) -> list[FieldError]:
    executor = function_defaults.executor_type(spec)
    errors: list[FieldError] = []
    if spec.state is not None:
        errors += common.validate_duration("spec.state.defaultTTL", spec.state.default_ttl)
        if executor == function_types.CONTAINER:
            errors.append(fielderrors.forbidden("spec.state", "not with the container executor"))
    if spec.tool is not None:
        if not spec.tool.description:
            errors.append(fielderrors.required("spec.tool.description"))
        if spec.tool.input_schema is None:
            errors.append(fielderrors.required("spec.tool.inputSchema"))
    if spec.provisioned_concurrency is not None:
        errors += _validate_provisioned(spec, spec.provisioned_concurrency)
    if spec.invocation is not None:
        errors += _validate_invocation(spec.invocation)
    return errors


def _validate_provisioned(
    spec: function_types.FunctionSpec, wanted: function_types.ProvisionedConcurrency
) -> list[FieldError]:
    path = "spec.provisionedConcurrency"
    errors = common.validate_at_least(f"{path}.target", wanted.target, 1)
    if function_defaults.executor_type(spec) != function_types.POOLMGR:
        errors.append(fielderrors.forbidden(path, "poolmgr only"))
    if spec.once_only:
        detail = "not with onceOnly: a pod that serves one request cannot be kept for the next"
        errors.append(fielderrors.forbidden(path, detail))
    windows = wanted.windows
    if len(windows) > _MAX_WINDOWS:
        detail = f"at most {_MAX_WINDOWS} windows"
        errors.append(fielderrors.invalid(f"{path}.windows", len(windows), detail))
    errors += common.validate_unique_names(f"{path}.windows", [one.name for one in windows])
    for index, window in enumerate(windows):
        errors += _validate_window(window, f"{path}.windows[{index}]")
    return errors


def _validate_window(window: function_types.ProvisionedWindow, path: str) -> list[FieldError]:
    errors = common.validate_at_least(f"{path}.target", window.target, 0)
    if not 1 <= len(window.name) <= _MAX_WINDOW_NAME:
        detail = f"must have 1 to {_MAX_WINDOW_NAME} characters"
        errors.append(fielderrors.invalid(f"{path}.name", window.name, detail))
    try:
        cron.parse(window.start)
    except cron.CronError as error:
        errors.append(fielderrors.invalid(f"{path}.start", window.start, error.message))
    if not _WINDOW_DURATION.match(window.duration) or not durations.parse_seconds(window.duration):
        detail = 'must be one number above 0 and a unit, such as "10h" or "90m"'
        errors.append(fielderrors.invalid(f"{path}.duration", window.duration, detail))
    return errors


def _validate_invocation(invocation: function_types.Invocation) -> list[FieldError]:
    errors = common.validate_duration("spec.invocation.maxAge", invocation.max_age)
    for name, destination in (
        ("onSuccess", invocation.on_success),
        ("onFailure", invocation.on_failure),
    ):
        if destination is None:
            continue
        path = f"spec.invocation.{name}"
        if (destination.function is None) == (destination.topic is None):
            errors.append(fielderrors.invalid(path, "", "exactly one of function and topic"))
        elif destination.function is not None:
            errors += common.validate_function_reference(destination.function, f"{path}.function")
    return errors


def _validate_podspec(spec: function_types.FunctionSpec) -> list[FieldError]:
    errors = common.validate_podspec(spec.podspec, "spec.podspec")
    if function_defaults.executor_type(spec) != function_types.CONTAINER:
        return errors
    path = "spec.podspec.containers"
    containers = (spec.podspec or {}).get("containers") or []
    if len(containers) != 1:
        detail = "the container executor needs exactly one container"
        return [*errors, fielderrors.invalid(path, len(containers), detail)]
    if not containers[0].get("image"):
        errors.append(fielderrors.required(f"{path}[0].image"))
    ports = containers[0].get("ports") or []
    if len(ports) != 1 or not ports[0].get("containerPort"):
        detail = "exactly one port with a containerPort, that which the image listens on"
        errors.append(fielderrors.invalid(f"{path}[0].ports", ports, detail))
    return errors
