"""Time that passes when a test says so."""

from __future__ import annotations

import asyncio


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes when the test says so."""

    now = 1000.0

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run what is ready, and what that makes ready."""

        async def turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.run_until_complete(turns())
