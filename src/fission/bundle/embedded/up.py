"""``fission up``: start or take over, install, wait until ready, tell where everything is."""

from __future__ import annotations

import asyncio
import pathlib
import signal
import sys
import time
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.bundle import install, routerlogin
from fission.bundle.embedded import configfile, follow, report
from fission.bundle.embedded import options as option_sets
from fission.cluster.supervisor import control
from fission.kube import client as kube_client
from fission.kube import config as kube_config

ENDED_POLL_SECONDS = 0.2
"""How soon a start notices that somebody stopped it."""
STOP_SECONDS = 2.0
"""A stop takes less, unless requests run."""


def run(options: option_sets.Options) -> int:
    """Run the command; returns the exit code."""
    found = control.status(options.home)
    if found is not None and found["supervised"]:
        who = found["supervisor"]["pid"]
        print(f"Fission runs already in {options.home} (pid {who}).")
        print(report.addresses(found))
        return 0
    started = time.monotonic()
    if found is None:
        configfile.write(options)
    else:
        print("taking over what runs: its supervisor was gone", flush=True)
    state = control.start(options.home, options.timeout_seconds)
    try:
        asyncio.run(_install_while_it_runs(options, state))
    except BaseException:
        if found is None:
            control.stop(options.home)
        raise
    print(f"Fission is ready after {time.monotonic() - started:.1f} s.")
    print(report.addresses(control.status(options.home) or state), flush=True)
    return 0 if options.detach else _stay(options.home)


async def _install_while_it_runs(options: option_sets.Options, state: dict[str, Any]) -> None:
    """Install, unless somebody stops the platform meanwhile."""
    install_task = asyncio.ensure_future(_install(options, state))
    ended = asyncio.ensure_future(_ended(options.home))
    try:
        await asyncio.wait({install_task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if install_task.done() and install_task.exception() is not None:
            # Whose fault was it? A stop shows a moment after the API has gone.
            await asyncio.wait({ended}, timeout=STOP_SECONDS)
        if ended.done():
            raise install.InstallError("Fission was stopped before it was ready")
        await install_task
    finally:
        for task in (install_task, ended):
            task.cancel()
        await asyncio.gather(install_task, ended, return_exceptions=True)


async def _ended(home: pathlib.Path) -> None:
    while await asyncio.to_thread(control.status, home) is not None:  # noqa: ASYNC110
        await asyncio.sleep(ENDED_POLL_SECONDS)


async def _install(options: option_sets.Options, state: dict[str, Any]) -> None:
    socket = pathlib.Path(state["runDir"]) / "apiserver.sock"
    clock = clocks.SystemClock()
    give_up = clock.monotonic() + options.timeout_seconds
    credentials = kube_config.load({"KUBE_API_SOCKET": str(socket)})
    async with kube_client.Client(credentials) as client:
        await _api_ready(client, options, give_up)
        stale = options.auth and await routerlogin.ensure(client, _say)
        await install.install(client, _say)
        if stale:
            await routerlogin.restart_router(client, clock)
        await install.wait_ready(client, give_up - clock.monotonic(), clock)


async def _api_ready(
    client: kube_client.Client, options: option_sets.Options, give_up: float
) -> None:
    pause = 0.01
    while True:
        try:
            await client.raw("GET", "/readyz")
            return
        except (errors.Error, OSError) as error:
            if time.monotonic() > give_up:
                raise install.InstallError(
                    f"the API server does not answer: {error}. "
                    f"Its log: {options.home / 'logs' / 'apiserver.log'}"
                ) from error
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def _stay(home: pathlib.Path) -> int:
    """Show what happens until Ctrl-C, then stop everything."""
    print("Ctrl-C stops it.", flush=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        follow.follow(home, sys.stdout)
    except KeyboardInterrupt:
        print("stopping", flush=True)
        control.stop(home)
        return 0
    print("Fission has ended.", flush=True)
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)
