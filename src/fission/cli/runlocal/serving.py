"""A local function's life: loaded, called, loaded anew from what was saved.

A runtime loads once. So that a save goes live at once, the next runtime is started beforehand and
waits for its code; the one before serves until the new one has loaded. With a debugger, whose port
only one can have, the one before ends first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fission.cli import context, errors
from fission.cli.runlocal import processes, relay
from fission.contracts import environment as wire

Fill = Callable[[processes.Runtime], Awaitable[None]]
"""Puts the present code into a runtime's folders."""


@dataclass(frozen=True)
class Plan:
    """What is run."""

    image: str
    request: wire.FunctionLoadRequest
    fill: Fill
    files: Mapping[str, bytes]
    """Secrets and ConfigMaps, by declared path."""
    debug_port: int = 0


class Serving:
    """The present runtime, and the next."""

    def __init__(
        self, session: context.Session, plan: Plan, address: relay.Relay | None = None
    ) -> None:
        """``address`` is where it goes on to be called; without one there is no next runtime."""
        self._session = session
        self._plan = plan
        self._address = address
        self._present: processes.Runtime | None = None
        self._leaving: set[asyncio.Future[None]] = set()
        self._spare: asyncio.Task[processes.Runtime] | None = None

    @property
    def present(self) -> processes.Runtime:
        """The runtime that serves."""
        if self._present is None:
            raise errors.CliError("no version of the function has loaded yet")
        return self._present

    @property
    def has_present(self) -> bool:
        """Whether anything serves."""
        return self._present is not None

    async def load(self) -> None:
        """Run the code as it is now; raises LoadFailed, and what was there goes on."""
        if self._plan.debug_port and self._present is not None:
            await self._present.stop()
            self._present = None
        runtime = await self._next()
        try:
            await self._plan.fill(runtime)
            await runtime.load(self._plan.request)
        except BaseException:
            self._leave(runtime)
            raise
        finally:
            if self._address is not None and not self._plan.debug_port:
                self._spare = asyncio.ensure_future(self._start())
        before, self._present = self._present, runtime
        if self._address is not None:
            self._address.target = runtime.port
        if before is not None:
            self._leave(before)

    async def aclose(self) -> None:
        """End what runs."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
        if self._spare is not None:
            found = (await asyncio.gather(self._spare, return_exceptions=True))[0]
            if isinstance(found, processes.Runtime):
                await found.stop()
        if self._present is not None:
            await self._present.stop()

    def _leave(self, runtime: processes.Runtime) -> None:
        """End a runtime that is not needed any more, while others go on."""
        task = asyncio.ensure_future(runtime.stop())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _next(self) -> processes.Runtime:
        spare, self._spare = self._spare, None
        if spare is not None:
            runtime = await spare
            if runtime.is_alive:
                return runtime
            await runtime.stop()
        return await self._start()

    async def _start(self) -> processes.Runtime:
        plan = self._plan
        return await processes.start(self._session, plan.image, plan.debug_port, plan.files)
