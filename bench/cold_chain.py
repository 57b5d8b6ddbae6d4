"""A pod's whole life, over and over: fork, confine, serve, claim, load, answer, die, refuse.

The real parts in a row without router and executor: a spawner forks the Python runtime with a
handed-over socket; the fetcher claims the pod, writes the code and has the runtime load it; the
first call is answered; the pod is killed and its address must refuse. The baseline is the same with
a plain fork: no namespaces, no Landlock, no system call filter. Afterwards the spawner must hold
as many descriptors, threads and children as before the first pod.

``python bench/cold_chain.py --count 1000`` measures all modes that the host gives to this user.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from fission.base import clock as clocks
from fission.cluster.kubelet.sandbox import probe
from fission.cluster.kubelet.zygote import client as spawners
from fission.cluster.kubelet.zygote import messages
from fission.fetcher import app as fetchers
from fission.fetcher import config as fetcher_config
from fission_http import client as http_client
from fission_http import errors as http_errors

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
IMAGE = REPOSITORY / "environments" / "python"
SOURCE = b"def main():\n    return 'cold'\n"
COUNT = 60
WARM_UP = 5
DEADLINE_SECONDS = 30.0
POD_UID = 1_200_000_000
STEPS = {
    "serving": "fork to confined and serving",
    "claimed": "claim, write, load",
    "answered": "first call",
}


@dataclasses.dataclass(frozen=True)
class Variant:
    mode: messages.Mode
    outbound: messages.Outbound

    @property
    def name(self) -> str:
        return "plain fork" if self.mode == "none" else f"{self.mode}, outbound {self.outbound}"


def run(count: int = COUNT) -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the plain fork."""
    found = probe.detect()
    variants = [Variant("none", "open")]
    if found.mode == "full":
        variants += [Variant("full", "default"), Variant("full", "none")]
    if found.landlock_abi and not _closed_to_pods():
        variants += [Variant("landlock", "none"), Variant("landlock", "default")]
    taken = asyncio.run(_measure(variants, count))
    rows: list[dict[str, Any]] = []
    baseline: dict[str, float] = {}
    for variant in variants:
        for step, words in STEPS.items():
            row = _row(f"{variant.name}: {words}", [pod[step] for pod in taken[variant]])
            baseline.setdefault(step, row["p50"])
            rows.append({**row, "ratio": round(row["p50"] / baseline[step], 2)})
    return {"user": "root" if os.geteuid() == 0 else "ordinary", "rows": rows}


def _closed_to_pods() -> bool:
    """Without a mount namespace root's pods, other users, need the interpreter's own path."""
    if os.geteuid() != 0:
        return False
    from fission.cluster.kubelet.sandbox import rootfs

    return bool(rootfs.unreadable_to_others([sys.base_prefix, sys.prefix], with_ancestors=True))


def _row(name: str, taken: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "name": name,
        "unit": "ms",
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
    }


async def _measure(
    variants: Sequence[Variant], count: int
) -> dict[Variant, list[dict[str, float]]]:
    """One pod of each variant in turn, so that a busy moment slows all of them."""
    taken: dict[Variant, list[dict[str, float]]] = {variant: [] for variant in variants}
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(http_client.Client())
        chains = {}
        for variant in variants:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fission-bench-"))
            os.chmod(name, 0o711)
            spawner = await _launch(variant, pathlib.Path(name))
            stack.push_async_callback(spawner.shutdown)
            chains[variant] = Chain(variant, spawner, http, pathlib.Path(name))
        for chain in chains.values():
            for _ in range(WARM_UP):
                await chain.one_pod()
        before = {variant: chain.footprint() for variant, chain in chains.items()}
        for _ in range(count):
            for variant, chain in chains.items():
                taken[variant].append(await chain.one_pod())
        for variant, chain in chains.items():
            after = chain.footprint()
            if after != before[variant]:
                raise SystemExit(f"{variant.name}: {before[variant]} before, {after} after")
    return taken


async def _launch(variant: Variant, folder: pathlib.Path) -> spawners.SpawnerClient:
    manifest = json.loads((IMAGE / "image.json").read_text())["zygote"]
    launch = messages.ImageLaunch(
        name="bench",
        python=sys.executable,
        entry=manifest["entry"],
        preload=tuple(manifest["preload"]),
        pythonpath=(str(IMAGE),),
        confined=variant.mode != "none",
        outbound="default" if variant.outbound == "default" else "chosen",
        blocked_ports=((8888, 8889), (8000, 8000), (8887, 8887), (16443, 16443)),
    )
    return await spawners.SpawnerClient.launch(launch, folder, variant.mode)


class Chain:
    """One spawner, one fetcher, one pod after the other."""

    def __init__(
        self,
        variant: Variant,
        spawner: spawners.SpawnerClient,
        http: http_client.Client,
        folder: pathlib.Path,
    ) -> None:
        self._variant = variant
        self._spawner = spawner
        self._http = http
        self._folder = folder
        self._number = 0
        self._ends: asyncio.Queue[messages.ContainerState] = asyncio.Queue()
        spawner.on_exit = self._ends.put_nowait
        settings = fetcher_config.Config(runtime_wait_seconds=10.0)
        deps = fetchers.Deps(http, clocks.SystemClock())
        self._fetcher = fetchers.build(settings, deps)

    async def one_pod(self) -> dict[str, float]:
        """Live one pod through; milliseconds of each step."""
        self._number += 1
        runtime, fetcher = _listening(self._number), _listening(self._number)
        url = _url(runtime)
        paths = self._make_volumes()
        env = {
            "POD_IP": runtime.getsockname()[0],
            "POD_PORTS": json.dumps({"8888": runtime.getsockname()[1]}),
            "POD_VOLUME_PATHS": json.dumps(paths),
        }
        served = await self._fetcher.start_pod(fetcher_config.Arguments(), env, [fetcher])
        started = time.perf_counter()
        state, logs = await self._spawner.start(self._spec(paths), [runtime.fileno()])
        runtime.close()
        try:
            await self._ask("GET", f"{url}/healthz")
            serving = time.perf_counter()
            await self._ask("POST", f"{_url(fetcher)}/specialize", self._claim())
            claimed = time.perf_counter()
            answer = await self._ask("GET", f"{url}/")
            answered = time.perf_counter()
        except BaseException:
            _show(logs)
            raise
        if answer != b"cold":
            raise SystemExit(f"the function answered {answer!r}")
        await self._end(state, logs, url)
        await served.aclose()
        return {
            "serving": (serving - started) * 1000,
            "claimed": (claimed - serving) * 1000,
            "answered": (answered - claimed) * 1000,
        }

    def footprint(self) -> dict[str, int]:
        """What a leak would enlarge: the spawner's, and our own, which the fetcher shares."""
        pid = self._spawner.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = len(file.read().split())
        return {
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(os.listdir(f"/proc/{pid}/task")),
            "children": children,
            "own descriptors": len(os.listdir("/proc/self/fd")),
        }

    def _make_volumes(self) -> dict[str, str]:
        pod = self._folder / f"pod{self._number}"
        paths = {}
        for place in ("userfunc", "secrets", "configs", "podinfo", "state"):
            (pod / place).mkdir(parents=True)
            paths["/etc/podinfo" if place == "podinfo" else f"/{place}"] = str(pod / place)
        paths["/var/run/fission-fetcher"] = paths.pop("/state")
        return paths

    def _spec(self, paths: dict[str, str]) -> messages.ContainerSpec:
        env = {"PATH": "/usr/bin:/bin"}
        uid = None
        if self._variant.mode != "full":
            env["POD_VOLUME_PATHS"] = json.dumps(paths)
        if os.geteuid() == 0 and self._variant.mode != "none":
            uid = POD_UID
            os.chown(paths["/userfunc"], uid, uid)
        mounts = [
            messages.Mount(host, place, read_only=place != "/userfunc")
            for place, host in paths.items()
            if place != "/var/run/fission-fetcher"
        ]
        return messages.ContainerSpec(
            id=f"pod{self._number}",
            argv=["python-env"],
            entry="fission_python.server:main",
            env=env,
            mounts=tuple(mounts),
            limits=messages.Limits(memory_bytes=512 << 20, max_processes=200),
            confinement=messages.Confinement(
                self._variant.mode, self._variant.outbound, uid=uid, hostname="bench"
            ),
            socket_names=("http-env",),
        )

    def _claim(self) -> bytes:
        request = {
            "FetchReq": {
                "fetchType": 1,
                "package": {"name": "code", "namespace": "default"},
                "filename": "deployarchive",
                "archive": {"type": "literal", "literal": base64.b64encode(SOURCE).decode()},
                "functionUid": f"uid-{self._number}",
            },
            "LoadReq": {
                "filepath": "/userfunc/deployarchive",
                "functionName": "main",
                "FunctionMetadata": {"name": "f", "namespace": "default", "uid": "u"},
                "envVersion": 3,
            },
        }
        return json.dumps(request).encode()

    async def _ask(self, method: str, url: str, body: bytes = b"") -> bytes:
        response = await self._http.request(
            method, url, body=body, timeout_seconds=DEADLINE_SECONDS
        )
        answer = await response.read(1 << 20)
        if response.status != 200:
            raise SystemExit(f"{method} {url} answered {response.status}: {answer!r}")
        return answer

    async def _end(self, state: messages.ContainerState, logs: list[int], url: str) -> None:
        """Kill the pod; nobody may answer for it."""
        await self._spawner.signal(state.id, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await self._ends.get()).id != state.id:
                pass
        await self._spawner.acknowledge(state.id)
        for descriptor in logs:
            os.close(descriptor)
        try:
            await self._http.request("GET", url, timeout_seconds=DEADLINE_SECONDS)
        except http_errors.ConnectError as error:
            if error.refused:
                return
            raise
        raise SystemExit("a dead pod did not refuse")


def _listening(number: int) -> socket.socket:
    made = socket.socket()
    made.bind((f"127.77.{number // 250 % 250}.{number % 250 + 1}", 0))
    made.listen(128)
    return made


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def _show(logs: list[int]) -> None:
    for descriptor in logs:
        os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):
            sys.stderr.write(os.read(descriptor, 65536).decode(errors="replace"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="pods per mode")
    result = run(parser.parse_args().count)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
