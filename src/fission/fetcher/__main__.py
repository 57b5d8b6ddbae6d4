"""``python -m fission.fetcher``: the command of the fetcher's image."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from fission.base import errors, logs
from fission.fetcher import app, node

TERMINATION_LOG = "/dev/termination-log"
"""Kubernetes makes this file for the last words of a container."""


async def _main() -> None:
    task = asyncio.ensure_future(app.serve(os.environ, sys.argv[1:]))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run; 1 with the cause as the container's termination message when it cannot go on."""
    logs.configure("fetcher")
    try:
        asyncio.run(_main())
    except errors.Error as error:
        print(f"fetcher: {error}", file=sys.stderr, flush=True)
        with contextlib.suppress(OSError), open(TERMINATION_LOG, "r+", encoding="utf-8") as file:
            file.write(node.cut(str(error), node.MAX_CAUSE_BYTES))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
