"""``python -m fission.fetcher``: the command of the fetcher's image."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from fission.base import logs
from fission.fetcher import app


async def _main() -> None:
    task = asyncio.ensure_future(app.serve(os.environ, sys.argv[1:]))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    logs.configure("fetcher")
    asyncio.run(_main())
