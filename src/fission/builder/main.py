"""The builder process: ``main(["/packages"])`` serves until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from fission.base import errors, logs
from fission.builder import app, config, processes

EXIT_SETTINGS = 2


def main(argv: Sequence[str]) -> int:
    """Run a builder; returns the exit code."""
    env = dict(os.environ)
    logs.configure("builder", env.get("LOG_LEVEL", "INFO"))
    try:
        settings = config.from_env(env, argv)
        processes.prepare()
        asyncio.run(_until_signalled(settings, env))
    except errors.SettingsError as error:
        print(f"builder: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    return 0


async def _until_signalled(settings: config.Config, env: Mapping[str, str]) -> None:
    work = asyncio.ensure_future(app.serve(settings, env))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
