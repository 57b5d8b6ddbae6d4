"""The optional blocks of a Function: streaming, tool, state, async calls, versions, warm pods.

Pure. Each is switched by one flag; its other flags change what is there, or what is being made.
"""

import json
from typing import Any, Final

from fission.api import durations, function_types, reference_types
from fission.cli import errors

_PROTOCOLS: Final = ("auto", "sse", "chunked", "websocket")
_STICKY: Final = ("header", "queryparam")
_WINDOW_KEYS: Final = ("name", "start", "duration", "target")
_VERSIONING: Final = ("auto", "manual", "off")


def apply(spec: function_types.FunctionSpec, given: Any, input_schema: str | None) -> None:
    """Lay the flags that were given over the blocks; ``input_schema`` is the file's text."""
    _apply_streaming(spec, given)
    _apply_tool(spec, given, input_schema)
    _apply_state(spec, given)
    _apply_invocation(spec, given)
    _apply_versioning(spec, given)
    _apply_provisioned(spec, given)


def _apply_streaming(spec: function_types.FunctionSpec, given: Any) -> None:
    if given.streaming is False:
        spec.streaming = None
        return
    values = (given.streamingprotocol, given.streamingidletimeout, given.streamingmaxduration)
    if given.streaming and spec.streaming is None:
        spec.streaming = function_types.Streaming()
    if spec.streaming is None:
        if any(value is not None for value in values):
            raise errors.UsageError("flags of streaming need --streaming")
        return
    protocol, idle, longest = values
    if protocol is not None:
        _check_one_of("--streamingprotocol", protocol, _PROTOCOLS)
        spec.streaming.protocol = protocol
    if idle is not None:
        spec.streaming.idle_timeout_seconds = _not_negative("--streamingidletimeout", idle)
    if longest is not None:
        spec.streaming.max_duration_seconds = _not_negative("--streamingmaxduration", longest)


def _apply_tool(spec: function_types.FunctionSpec, given: Any, input_schema: str | None) -> None:
    if given.expose_as_mcp is False:
        spec.tool = None
        return
    if given.expose_as_mcp and spec.tool is None:
        spec.tool = function_types.Tool()
    if spec.tool is None:
        if given.tool_description or input_schema is not None or given.tool_name:
            raise errors.UsageError("flags of a tool need --expose-as-mcp")
        return
    if given.tool_description is not None:
        spec.tool.description = given.tool_description
    if given.tool_name is not None:
        spec.tool.tool_name = given.tool_name
    if input_schema is not None:
        try:
            parsed = json.loads(input_schema)
        except ValueError as error:
            raise errors.UsageError(f"--tool-input-schema is not JSON: {error}") from error
        if not isinstance(parsed, dict) or "type" not in parsed:
            raise errors.UsageError('--tool-input-schema must be a JSON object with a "type"')
        spec.tool.input_schema = parsed


def _apply_state(spec: function_types.FunctionSpec, given: Any) -> None:
    if given.state is False:
        spec.state = None
        return
    if given.state and spec.state is None:
        spec.state = function_types.State()
    values = {
        "keyspace": given.state_keyspace,
        "max_keys": given.state_max_keys,
        "max_value_bytes": given.state_max_value_bytes,
        "default_ttl": _duration_text(given.state_ttl),
    }
    chosen = {name: value for name, value in values.items() if value is not None}
    if spec.state is None:
        if chosen or given.state_sticky_source or given.state_sticky_name:
            raise errors.UsageError("flags of state need --state")
        return
    for name, value in chosen.items():
        setattr(spec.state, name, value)
    if given.state_sticky_source or given.state_sticky_name:
        if not (given.state_sticky_source and given.state_sticky_name):
            raise errors.UsageError(
                "--state-sticky-source and --state-sticky-name are given together"
            )
        _check_one_of("--state-sticky-source", given.state_sticky_source, _STICKY)
        spec.state.sticky = function_types.StateSticky(
            source=given.state_sticky_source, name=given.state_sticky_name
        )


def _apply_invocation(spec: function_types.FunctionSpec, given: Any) -> None:
    attempts, age = given.async_retry_max_attempts, given.async_max_age
    targets = (
        ("on_success", given.async_on_success, given.async_on_success_topic),
        ("on_failure", given.async_on_failure, given.async_on_failure_topic),
    )
    if attempts is None and age is None and not any(f is not None or t for _, f, t in targets):
        return
    invocation = spec.invocation or function_types.Invocation()
    if attempts is not None:
        if not 1 <= attempts <= 3:
            raise errors.UsageError(f"--async-retry-max-attempts {attempts}: must be 1 to 3")
        retry = invocation.retry or function_types.Retry()
        retry.max_attempts = attempts
        invocation.retry = retry
    if age is not None:
        invocation.max_age = durations.format_seconds(age)
    for name, function, topic in targets:
        if function is None and topic is None:
            continue
        setattr(invocation, name, _destination(name, function, topic))
    spec.invocation = invocation


def _destination(
    name: str, function: str | None, topic: str | None
) -> function_types.Destination | None:
    if function and topic:
        flag = name.replace("_", "-")
        raise errors.UsageError(f"--async-{flag} and --async-{flag}-topic exclude each other")
    if function:
        reference = reference_types.FunctionReference(name=function)
        return function_types.Destination(function=reference)
    if topic:
        return function_types.Destination(topic=function_types.TopicDestination(topic=topic))
    return None


def _apply_versioning(spec: function_types.FunctionSpec, given: Any) -> None:
    if given.versioning is not None:
        _check_one_of("--versioning", given.versioning, _VERSIONING)
        if given.versioning == "off":
            spec.versioning = None
        else:
            spec.versioning = spec.versioning or function_types.Versioning()
            spec.versioning.mode = given.versioning
    if given.retain_versions is not None:
        if spec.versioning is None:
            raise errors.UsageError("--retain-versions needs --versioning auto or manual")
        if given.retain_versions < 1:
            raise errors.UsageError(f"--retain-versions {given.retain_versions}: must be 1 or more")
        spec.versioning.retain = given.retain_versions


def _apply_provisioned(spec: function_types.FunctionSpec, given: Any) -> None:
    target = given.provisioned_concurrency
    if target is not None:
        if target <= 0:
            spec.provisioned_concurrency = None
        else:
            block = spec.provisioned_concurrency or function_types.ProvisionedConcurrency()
            block.target = target
            spec.provisioned_concurrency = block
    if given.provisioned_schedule:
        if spec.provisioned_concurrency is None:
            raise errors.UsageError(
                "--provisioned-schedule needs --provisioned-concurrency of 1 or more"
            )
        windows = [_window(text) for text in given.provisioned_schedule]
        if len({window.name for window in windows}) != len(windows):
            raise errors.UsageError("--provisioned-schedule: two windows have the same name")
        spec.provisioned_concurrency.windows = windows


def _window(text: str) -> function_types.ProvisionedWindow:
    parts = dict(
        (key.strip(), value.strip())
        for key, _, value in (part.partition("=") for part in text.split(";") if part.strip())
    )
    if set(parts) != set(_WINDOW_KEYS) or not all(parts.values()):
        raise errors.UsageError(
            f"--provisioned-schedule {text!r}: want name=W;start=<cron>;duration=10h;target=N"
        )
    if not parts["target"].isdecimal():
        raise errors.UsageError(f"--provisioned-schedule {text!r}: target must be a number")
    return function_types.ProvisionedWindow(
        name=parts["name"],
        start=parts["start"],
        duration=parts["duration"],
        target=int(parts["target"]),
    )


def _check_one_of(flag: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise errors.UsageError(f'{flag} "{value}": valid values are {", ".join(allowed)}')


def _not_negative(flag: str, value: int) -> int:
    if value < 0:
        raise errors.UsageError(f"{flag} {value}: must be 0 or more")
    return value


def _duration_text(seconds: float | None) -> str | None:
    return None if seconds is None else durations.format_seconds(seconds)
