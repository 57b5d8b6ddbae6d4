"""Which executor gives a function its address.

One executor type is one object that keeps the ``FunctionExecutor`` promise; adding newdeploy or
container is adding an entry to the table in ``app``. A type that the table does not have is
refused by name, here and in the Function's Ready condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fission.api import function_defaults, function_types
from fission.executor import errors
from fission.meta import objectmeta


class FunctionExecutor(Protocol):
    """Gives functions of one executor type their addresses."""

    async def get_service(self, function: function_types.Function) -> str:
        """Return an address that serves the function now, without a scheme."""
        ...

    async def ensure_capacity(self, function: function_types.Function, busy_endpoints: int) -> str:
        """Return an address beyond those that are all busy."""
        ...

    def tap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        """The address was used; False when it is not known."""
        ...

    def untap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        """A request that the address was given for has ended."""
        ...


class Dispatch:
    """Finds a function's executor."""

    def __init__(self, executors: Mapping[str, FunctionExecutor]) -> None:
        self._executors = executors

    def executor(self, function: function_types.Function) -> FunctionExecutor:
        """The function's executor; raises UnsupportedExecutorType."""
        found = self._executors.get(function_defaults.executor_type(function.spec))
        if found is None:
            raise errors.UnsupportedExecutorType(self.unsupported(function))
        return found

    def by_type(self, executor_type: str) -> FunctionExecutor | None:
        """The executor of a type as it stands in a tap; empty is poolmgr."""
        return self._executors.get(executor_type or function_types.POOLMGR)

    def supports(self, function: function_types.Function) -> bool:
        """Whether the function's executor type exists here."""
        return function_defaults.executor_type(function.spec) in self._executors

    def unsupported(self, function: function_types.Function) -> str:
        """The message for a function of another type."""
        return (
            f"executor type {function_defaults.executor_type(function.spec)!r} of function "
            f"{function.metadata.namespace}/{function.metadata.name} is not supported; "
            f"supported: {', '.join(sorted(self._executors))}"
        )
