"""What an environment may set for its functions, with units and the reasons for the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

PREFIX = "WASM_"
MEBIBYTE = 1 << 20
DIRECTORIES = ("package", "secrets", "configs")


class BadSetting(Exception):
    """A variable with our prefix that nobody knows, or with a value that it cannot have."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits of one call, and what it may see."""

    timeout_seconds: float = 60.0
    """WASM_TIMEOUT_SECONDS: a call is ended after it, 504. A function's own default timeout."""
    memory_mib: int = 128
    """WASM_MEMORY_MIB: linear memory of one instance. Above it ``memory.grow`` fails, which
    languages report as their own running out of memory. Small programs need 1 to 2."""
    max_request_mib: int = 16
    """WASM_MAX_REQUEST_MIB: a larger body is answered 413. It is held in memory once per call."""
    max_answer_mib: int = 16
    """WASM_MAX_ANSWER_MIB: a call that writes more is ended, 500. It is held in memory too."""
    max_module_mib: int = 128
    """WASM_MAX_MODULE_MIB: a larger module is refused. Compiling takes some 20 times its size in
    memory; a whole Python interpreter has 40."""
    parallel_calls: int = 64
    """WASM_PARALLEL_CALLS: threads that run instances. Further calls wait for one. The function's
    ``requestsPerPod`` is the platform's limit; this one is for those who leave it open."""
    directories: tuple[str, ...] = ("secrets", "configs")
    """WASM_DIRECTORIES: folders a module sees, read-only, of ``package`` (as ``/``), ``secrets``
    (``/secrets``) and ``configs`` (``/configs``). Code needs its own package seldom, and then
    says so; what a function was given by name is for it to read."""
    optimize_after_seconds: float = 1.0
    """WASM_OPTIMIZE_AFTER_SECONDS: when a loaded module is compiled again, with optimization.
    After the first call, so that it does not compete with it."""

    optimize_max_mib: int = 4
    """WASM_OPTIMIZE_MAX_MIB: larger ones stay as they were compiled first. A Python interpreter
    would take a minute of a processor and 300 MiB."""

    @property
    def optimize_max_bytes(self) -> int:
        return self.optimize_max_mib * MEBIBYTE

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MEBIBYTE

    @property
    def max_request_bytes(self) -> int:
        return self.max_request_mib * MEBIBYTE

    @property
    def max_answer_bytes(self) -> int:
        return self.max_answer_mib * MEBIBYTE

    @property
    def max_module_bytes(self) -> int:
        return self.max_module_mib * MEBIBYTE


def load(env: Mapping[str, str]) -> Settings:
    """Read the settings; raises BadSetting, which names the variable."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    values: dict[str, object] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in fields:
            known = ", ".join(PREFIX + known.upper() for known in fields)
            raise BadSetting(f"{variable} is no setting of this environment; there are: {known}")
        values[name] = _parse(variable, text, getattr(Settings, name))
    return Settings(**values)  # type: ignore[arg-type]


def _parse(variable: str, text: str, default: object) -> object:
    if isinstance(default, tuple):
        words = tuple(text.replace(",", " ").split())
        for word in words:
            if word not in DIRECTORIES:
                known = ", ".join(DIRECTORIES)
                raise BadSetting(f"{variable}: found {word!r}, allowed are {known}")
        return words
    try:
        value = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1 << 20:
        raise BadSetting(f"{variable}: found {text!r}, needs a number above 0")
    return value
