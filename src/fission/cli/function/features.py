"""The optional blocks of a Function: streaming, and pods that are kept warm.

Pure. Each is switched by one flag; its other flags change what is there, or what is being made.
"""

from typing import Any, Final

from fission.api import function_types
from fission.cli import errors

_PROTOCOLS: Final = ("auto", "sse", "chunked", "websocket")
_WINDOW_KEYS: Final = ("name", "start", "duration", "target")


def apply(spec: function_types.FunctionSpec, given: Any) -> None:
    """Lay the flags that were given over the blocks."""
    _apply_streaming(spec, given)
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
