"""Runs one component: ``python -m fission.bundle.serve router``, or a fork that calls ``main``.

The component gets the process environment, runs until SIGTERM or SIGINT, and ends within the
grace that its own server gives running requests.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping

from fission.base import errors, logs

COMPONENTS = {
    "buildermgr": "fission.buildermgr.app",
    "canary": "fission.canary.app",
    "controller": "fission.controller.app",
    "executor": "fission.executor.app",
    "fetcher": "fission.fetcher.app",
    "kubewatcher": "fission.kubewatcher.app",
    "mqtrigger": "fission.mqtrigger.app",
    "router": "fission.router.app",
    "statestore": "fission.statestore.app",
    "storagesvc": "fission.storagesvc.app",
    "timer": "fission.timer.app",
}
"""Component → the module whose ``serve(env)`` runs it."""

EXIT_SETTINGS = 2

Serve = Callable[[Mapping[str, str]], Awaitable[None]]


def main(argv: list[str]) -> int:
    """Run the component that the first argument names; returns the exit code."""
    name = argv[0] if argv else ""
    if name not in COMPONENTS:
        print(f"usage: serve {{{','.join(sorted(COMPONENTS))}}}, not {name!r}", file=sys.stderr)
        return EXIT_SETTINGS
    env = dict(os.environ)
    logs.configure(name, env.get("LOG_LEVEL", "INFO"))
    serve: Serve = importlib.import_module(COMPONENTS[name]).serve
    try:
        _run(_until_signalled(serve, env))
    except errors.SettingsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    return 0


def fetcher(argv: list[str]) -> int:
    """Run the fetcher, whose own arguments it takes from the environment it is given."""
    os.environ["FETCHER_ARGV"] = "\0".join(argv)
    return main(["fetcher"])


async def _until_signalled(serve: Serve, env: Mapping[str, str]) -> None:
    work = asyncio.ensure_future(serve(env))
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True
        work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        if not stopping:
            raise


def _run(work: Awaitable[None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)  # type: ignore[arg-type]
    else:
        uvloop.run(work)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
