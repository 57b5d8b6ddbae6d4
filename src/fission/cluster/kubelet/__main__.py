"""`python -m fission.cluster.kubelet --home H --images DIR[,DIR…] [--node-name NAME]`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import os
import signal
import sys
from pathlib import Path

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import logs, settings
from fission.cluster.kubelet import app, config, images, node, paths
from fission.cluster.kubelet.sandbox import cgroups, probe
from fission.cluster.kubelet.zygote import messages
from fission.kube import client as kube_client
from fission.kube import config as kube_config

log = logging.getLogger(__name__)

MODE_VARIABLE = "FISSION_SANDBOX_MODE"
MODES = ("none", "landlock", "full")
"""From the weakest to the strongest."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fission.cluster.kubelet")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--images", required=True, help="folders of images, joined by commas")
    parser.add_argument("--node-name", default=node.default_name())
    parser.add_argument("--api-host", default=app.HOST_IP, help="where pods find the API server")
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument(
        "--public",
        action="append",
        default=[],
        metavar="NAMESPACE/SERVICE/PORT",
        help="a host port that every pod may call",
    )
    parser.add_argument(
        "--service-url",
        action="append",
        default=[],
        type=_named_service,
        metavar="VARIABLE=NAMESPACE/SERVICE/PORT",
        help="a variable that tells containers the URL of a host port",
    )
    parser.add_argument(
        "--warm",
        action="append",
        default=[],
        metavar="IMAGE",
        help="an image whose spawner is started before a pod asks for it",
    )
    parser.add_argument("--pod-max-pids", type=int, default=app.DEFAULT_POD_MAX_PIDS)
    chosen = parser.parse_args(arguments)
    os.umask(0o022)
    logs.configure("kubelet", os.environ.get("LOG_LEVEL", "INFO"))
    home = chosen.home.resolve()
    run_dir = Path(os.environ.get("FISSION_RUN_DIR") or home / "run")
    try:
        measured = settings.load(config.Config, os.environ)
    except base_errors.Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options = app.Options(
        home=home,
        run_dir=run_dir,
        image_folders=tuple(Path(folder) for folder in chosen.images.split(",") if folder),
        node_name=chosen.node_name,
        api_host=chosen.api_host,
        api_port=chosen.api_port,
        public=tuple(chosen.public),
        warm=tuple(chosen.warm),
        service_urls=dict(chosen.service_url),
        pod_max_pids=chosen.pod_max_pids,
        usage_seconds=measured.usage_seconds,
        pod_starts=measured.pod_starts,
    )
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    try:
        asyncio.run(_serve(options, boot_id))
    except base_errors.Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _named_service(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    if not name or key.count("/") != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not VARIABLE=NAMESPACE/SERVICE/PORT")
    return name, key


def restricted(found: probe.Isolation, wanted: str | None) -> probe.Isolation:
    """The found isolation, or a weaker mode that was asked for; a stronger one is refused."""
    if not wanted:
        return found
    if wanted not in MODES:
        raise base_errors.SettingsError(
            f"{MODE_VARIABLE}: found {wanted!r}, allowed are {', '.join(MODES)}"
        )
    if MODES.index(wanted) > MODES.index(found.mode):
        raise base_errors.SettingsError(
            f"{MODE_VARIABLE}: {wanted!r} is not to be had on this machine, only {found.mode!r}: "
            f"{found.failed_step} {found.remedy}".rstrip()
        )
    if wanted == found.mode:
        return found
    mode: messages.Mode = "landlock" if wanted == "landlock" else "none"
    gaps = tuple(probe.find_gaps(mode, found.landlock_abi, found.cgroup_controllers))
    return dataclasses.replace(
        found, mode=mode, gaps=gaps, failed_step=f"mode {wanted!r} was asked for", remedy=""
    )


async def _serve(options: app.Options, boot_id: str) -> None:
    for folder in (options.home, options.run_dir, options.home / "logs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    catalog = images.load(
        options.image_folders, caches=paths.Paths(options.home, options.run_dir).image_caches
    )
    cgroups.delegate()
    isolation = restricted(await asyncio.to_thread(probe.detect), os.environ.get(MODE_VARIABLE))
    if os.getuid() == 0 and isolation.mode == "landlock":
        # Pods are users of their own without a mount namespace: they must be able to pass through.
        for folder in (options.home, options.home / "pods"):
            folder.mkdir(mode=0o711, exist_ok=True)
            folder.chmod(0o711)
    env = dict(os.environ)
    env.setdefault("KUBE_API_SOCKET", str(options.run_dir / "apiserver.sock"))
    async with kube_client.Client(kube_config.load(env), user_agent="kubelet") as client:
        kubelet = app.Kubelet(options, client, catalog, isolation, clocks.SystemClock(), boot_id)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, kubelet.stop)
        await kubelet.run()


if __name__ == "__main__":
    sys.exit(main())
