"""``python -m fission.cluster.apiserver --home H``: the API server as a process.

Its TLS socket is inherited under the name ``https`` (LISTEN_FDS) or bound from the flags.
``--with module:function`` runs further loops in this process, on its unix socket: a function that
takes the environment and returns a coroutine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fission.base import errors, logs, podenv
from fission.cluster.apiserver import app, pki

logger = logging.getLogger(__name__)

Background = Callable[[Mapping[str, str]], Awaitable[None]]


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fission.cluster.apiserver", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="address of the TLS listener")
    parser.add_argument("--port", type=int, default=16443, help="0 picks a free one")
    parser.add_argument("--name", action="append", default=[], help="more names of this server")
    parser.add_argument("--with", dest="background", help="module:function to run beside it")
    return parser.parse_args(argv)


def load_background(text: str) -> Background:
    """Resolve ``module:function``; raises SettingsError that names it."""
    module, _, name = text.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise errors.SettingsError(f"--with {text}: {error}") from error
    background: Background = found
    return background


def _tls_sockets(env: Mapping[str, str], host: str, port: int) -> list[socket.socket]:
    handed = podenv.listen_sockets(env).get("https")
    if handed:
        return handed
    try:
        return [socket.create_server((host, port), backlog=1024)]
    except OSError as error:
        raise errors.SettingsError(
            f"cannot listen on {host}:{port} (--host, --port): {error.strerror}"
        ) from error


def server_url(listening: socket.socket) -> str:
    """How this machine reaches a listening socket."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


async def serve(options: argparse.Namespace, env: Mapping[str, str]) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    background = load_background(options.background) if options.background else None
    sockets = _tls_sockets(env, options.host, options.port)
    run_dir = Path(env.get("FISSION_RUN_DIR") or options.home / "run")
    config = app.Config(options.home, run_dir, (options.host, *options.name))
    server = await app.ApiServer.start(config)
    try:
        path = await server.listen(sockets)
        url = server_url(sockets[0])
        pki.write_kubeconfig(options.home / "kubeconfig", server.files, url)
        logger.info("API server listens", extra={"url": url, "socket": str(path)})
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(server.run())]
        if background is not None:
            handed = {
                **env,
                "KUBE_API_SOCKET": str(path),
                "CLUSTER_CA_FILE": str(server.files.ca_certificate),
            }
            tasks.append(asyncio.ensure_future(background(handed)))
        await _until(stop, tasks)
    finally:
        await server.close()


async def _until(stop: asyncio.Event, tasks: list[asyncio.Future[Any]]) -> None:
    """Wait for the signal, or for a task that fails."""
    waiter: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = next((t.exception() for t in tasks if t.done() and not t.cancelled()), None)
    for task in (waiter, *tasks):
        task.cancel()
    await asyncio.gather(waiter, *tasks, return_exceptions=True)
    if failed is not None:
        raise failed


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(sys.argv[1:] if argv is None else argv)
    logs.configure("apiserver")
    with contextlib.suppress(ImportError):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(options, os.environ))
        return 0
    asyncio.run(serve(options, os.environ))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except errors.Error as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
