"""Supervised tasks: every task has an owner, and a background loop that ends is never unnoticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

logger = logging.getLogger(__name__)


class Tasks:
    """The tasks of one owner.

    ``run`` adds a loop whose failure must stop the owner: ``wait`` raises it. ``spawn`` adds work
    that is finished when it returns; its failure is logged. Leaving the block cancels what is
    left and waits for it.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Tasks:
        self._failed = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cancel()
        if self._failed is not None and self._failed.done() and not self._failed.cancelled():
            self._failed.exception()

    def run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a loop that is meant to last; its error ends ``wait``."""
        task = self._add(work, name)
        task.add_done_callback(self._loop_ended)
        return task

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start finite work; an error is logged and goes no further."""
        task = self._add(work, name)
        task.add_done_callback(_report)
        return task

    async def wait(self) -> None:
        """Wait until a loop fails, and raise what it raised; otherwise until cancelled."""
        assert self._failed is not None, "enter the block first"
        await asyncio.shield(self._failed)

    async def cancel(self) -> None:
        """Cancel everything and wait until it has ended."""
        pending = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def _add(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _loop_ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or self._failed is None or self._failed.done():
            return
        error = task.exception()
        if error is not None:
            self._failed.set_exception(error)


def _report(task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        logger.error("task failed", exc_info=error, extra={"task": task.get_name()})
