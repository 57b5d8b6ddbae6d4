"""Warm calls through one router process, beside nginx proxy_pass in front of the same backend.

Both proxies run pinned to one core, the load generator and the backend share another; runs
alternate within the same minute, so that a noisy machine disturbs both alike; CPU time per request
tells them apart even when other work takes turns on the core. The backend is nginx answering a
constant, the fastest thing at hand. `direct` is the backend without a proxy.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = 64

HEADERS = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
]

NGINX = """
worker_processes 1;
master_process off;
pid {home}/{name}.pid;
error_log {home}/{name}.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  keepalive_requests 100000000;
  {body}
}}
"""
BACKEND = """
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }}
"""
PROXY = """
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
"""


def run() -> dict[str, object]:
    """Median requests per second of each, and the ratio."""
    missing = [tool for tool in ("wrk", "nginx") if shutil.which(tool) is None]
    if missing:
        packages = " ".join("nginx-light" if tool == "nginx" else tool for tool in missing)
        return {"skipped": f"{', '.join(missing)} missing: apt-get install {packages}"}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return {"skipped": "needs two cores, one of them for the load"}
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        ports = free_ports(3)
        backend = BACKEND.format(port=ports[0])
        proxy = PROXY.format(port=ports[1], backend=ports[0])
        targets = {
            "direct": (ports[0], stack.enter_context(nginx(home, "backend", backend, cores[1]))),
            "nginx": (ports[1], stack.enter_context(nginx(home, "proxy", proxy, cores[0]))),
            "router": (ports[2], stack.enter_context(router(ports[2], ports[0], cores[0]))),
        }
        return measure(targets, cores[1])


def measure(targets: dict[str, tuple[int, int]], core: int) -> dict[str, object]:
    """Alternate runs, for a bare request and for one as browsers send it."""
    rows = []
    summary = []
    for kind, headers in (("bare", []), ("browser", HEADERS)):
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in targets}
        for port, _ in targets.values():
            load(port, headers, core, 1)
        for _ in range(ROUNDS):
            for name, (port, pid) in targets.items():
                before = cpu_seconds(pid)
                rate, p50, p99, count = load(port, headers, core, SECONDS)
                spent = (cpu_seconds(pid) - before) / count * 1e6
                found[name].append((rate, p50, p99, spent))
        middle = {name: statistics.median(run[0] for run in runs) for name, runs in found.items()}
        for name, runs in found.items():
            rows.append(
                {
                    "request": kind,
                    "through": name,
                    "requests/s": middle[name],
                    "p50 ms": statistics.median(run[1] for run in runs),
                    "p99 ms": statistics.median(run[2] for run in runs),
                    "CPU us": statistics.median(run[3] for run in runs),
                    "of nginx": middle[name] / middle["nginx"],
                }
            )
        cost = rows[-2]["CPU us"] / rows[-1]["CPU us"]
        summary.append(f"{kind} {middle['router'] / middle['nginx']:.2f} (by CPU time {cost:.2f})")
    return {
        "title": "warm path",
        "rows": rows,
        "summary": f"router / nginx on one core: {', '.join(summary)}",
        "connections": CONNECTIONS,
        "rounds": ROUNDS,
        "seconds_per_round": SECONDS,
    }


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, headers: list[str], core: int, seconds: int) -> tuple[float, ...]:
    """Requests per second, median and 99th percentile in milliseconds, and requests in all."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    for header in headers:
        command += ["-H", header]
    command += ["--latency", f"http://127.0.0.1:{port}/hello"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"errors under load on port {port}:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    count = re.search(r"(\d+) requests in", text)
    if rate is None or count is None:
        raise RuntimeError(f"wrk said nothing of use:\n{text}")
    return float(rate[1]), latency(text, "50"), latency(text, "99"), int(count[1])


def latency(text: str, percentile: str) -> float:
    """One line of wrk's latency distribution, in milliseconds."""
    found = re.search(rf"\s{percentile}%\s+([\d.]+)(us|ms|s)", text)
    if found is None:
        return float("nan")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextlib.contextmanager
def nginx(home: str, name: str, body: str, core: int):
    """A pinned nginx."""
    path = Path(home) / f"{name}.conf"
    path.write_text(NGINX.format(home=home, name=name, body=body))
    command = ["taskset", "-c", str(core), "nginx", "-e", f"{home}/{name}.log", "-c", str(path)]
    with process([*command, "-g", "daemon off;"]) as pid:
        wait_for(int(re.search(r"listen 127.0.0.1:(\d+)", body)[1]))
        yield pid


@contextlib.contextmanager
def router(port: int, backend: int, core: int):
    """The router's data plane, pinned, with one function whose pod is the backend."""
    command = ["taskset", "-c", str(core), sys.executable, __file__, str(port), str(backend)]
    with process(command) as pid:
        wait_for(port)
        yield pid


@contextlib.contextmanager
def process(command: list[str]):
    """A process that ends with the block."""
    running = subprocess.Popen(command)
    try:
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=10)


def wait_for(port: int) -> None:
    """Return when somebody listens."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")


async def serve(port: int, backend: int) -> None:
    """One route to one function with one pod; there is no executor to ask."""
    from fission.base import clock, tasks
    from fission.router import config, core

    function = {
        "metadata": {"name": "f", "namespace": "default", "uid": "u", "generation": 1},
        "spec": {"requestsPerPod": 10_000},
    }
    trigger = {
        "metadata": {"name": "t", "namespace": "default", "generation": 1},
        "spec": {
            "functionref": {"type": "name", "name": "f"},
            "relativeurl": "/hello",
            "methods": ["GET"],
        },
    }
    pod = {
        "metadata": {"name": "s", "namespace": "default", "labels": {"functionUid": "u"}},
        "ports": [{"name": "http-env", "port": backend}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }
    async with tasks.Tasks() as work:
        plane = core.Core(config.Config(), NobodyToAsk(), work, clock.SystemClock())
        plane.index.changed(None, pod)
        plane.catalog.function_changed(None, function)
        plane.catalog.trigger_changed(None, trigger)
        plane.catalog.rebuild()
        sockets = [socket.create_server(("127.0.0.1", each), backlog=1024) for each in (port, 0)]
        await plane.start(sockets[:1], sockets[1:])
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        await plane.close(0.5)


class NobodyToAsk:
    """A warm path that asks the executor would be no warm path."""

    async def get_service(self, target, deadline):
        raise AssertionError("the executor was asked")

    async def ensure_capacity(self, target, ready, busy, deadline):
        raise AssertionError("the executor was asked")

    async def tap(self, taps):
        return None

    async def untap(self, target, address):
        return None


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
    try:
        import uvloop as fast

        runner = asyncio.Runner(loop_factory=fast.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2])))
