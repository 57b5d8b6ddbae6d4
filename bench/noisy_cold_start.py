"""What a noisy function costs another's cold start: its burst, its failures, its slow start.

The noise is a function that holds its pod for 200 ms and is called by 50 clients, each again and
again (`wrk`, whose own work would else be part of what is measured); one whose import raises, 20
times a second; one whose import takes 5 s, by ten at once, and then no more, since it would be
warm. Each time another function makes the noise. Meanwhile functions of the same environment, or
of another, are called cold four times a second. The ratio is of the p95 beside the noise and
alone, in the same platform, turn by turn in several rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import libdeclare
import libload
import libplatform

POOL_SIZE = 5
ROUNDS = 2
CALLS = 10
"""In each round. Pods of all rounds stay for two minutes, and the node takes 500 of them."""
EVERY_SECONDS = 0.25
BURST = 50
FAILURES_PER_SECOND = 20
SLOW_CALLS = 10
TARGET_RATIO = 2.0
ENVIRONMENTS = ("noisy", "other")
SOURCES = {
    "quiet": b"def main():\n    return 'quiet'\n",
    "burst": b"import time\ndef main():\n    time.sleep(0.2)\n    return 'burst'\n",
    "failing": b"raise RuntimeError('this function does not load')\n",
    "slow": b"import time\ntime.sleep(5)\ndef main():\n    return 'slow'\n",
}
Noise = Callable[[str, str], Coroutine[Any, Any, Any]]
"""Network location and path of the function → one go of the noise."""
ONCE = ("slow",)
LOUD = "burst"
FORKING = multiprocessing.get_context("fork")


def run() -> dict[str, Any]:
    """Measure; returns a row for each kind of noise and environment beside it."""
    if shutil.which("wrk") is None:
        return {"title": "a cold start beside noise", "rows": [], "skipped": "apt-get install wrk"}
    noises: dict[str, Noise | None] = {
        "alone": None,
        LOUD: None,
        "failing": lambda netloc, path: libload.opened(netloc, path, FAILURES_PER_SECOND, 1.0),
        "slow": lambda netloc, path: libload.burst(netloc, [path] * SLOW_CALLS),
    }
    found: dict[tuple[str, str], list[libload.Answer]] = {}
    with libplatform.running() as platform:
        for name in ENVIRONMENTS:
            platform.make_environment(POOL_SIZE, name)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        asyncio.run(_declare(platform, netloc, list(noises)))
        for turn in _turns(list(noises)):
            for each in ENVIRONMENTS:
                platform.wait_pool(POOL_SIZE, 0.5, each)
            answers = found.setdefault((turn.kind, turn.environment), [])
            answers += _beside(netloc, turn, noises[turn.kind])
    rows = [_row(kind, name, found[kind, name], found["alone", name]) for kind, name in found]
    worst = max(float(row["ratio"]) for row in rows)
    return {
        "title": "a cold start beside a noisy function",
        "rows": rows,
        "ratio": worst,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"p95 beside noise is at most {worst} of alone (target {TARGET_RATIO:.0f})",
    }


class Turn(NamedTuple):
    """One kind of noise beside the cold starts of one environment, in one of the rounds."""

    kind: str
    environment: str
    round: int

    @property
    def noisy(self) -> str:
        """The function that makes the noise."""
        return f"{self.kind}-beside-{self.environment}-{self.round}"

    @property
    def quiet(self) -> list[str]:
        """The functions that are called cold."""
        return [f"{self.kind}-{self.environment}-{self.round}-{n}" for n in range(CALLS)]


def _turns(kinds: list[str]) -> list[Turn]:
    return [Turn(k, e, r) for r in range(ROUNDS) for k in kinds for e in ENVIRONMENTS]


def _beside(netloc: str, turn: Turn, noise: Noise | None) -> list[libload.Answer]:
    """First calls at even distances while another process makes the noise.

    In one process the answers to the noise would hold up those that are timed.
    """
    with _made(netloc, turn, noise):
        return asyncio.run(_call_cold(netloc, [f"/{name}" for name in turn.quiet]))


@contextlib.contextmanager
def _made(netloc: str, turn: Turn, noise: Noise | None) -> Iterator[None]:
    making: subprocess.Popen[bytes] | multiprocessing.process.BaseProcess
    if turn.kind == LOUD:
        url = f"http://{netloc}/{turn.noisy}"
        command = ["wrk", "-t1", f"-c{BURST}", "-d60s", "--timeout", "60s", url]
        making = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end: Callable[[], object] = making.wait
    elif noise is not None:
        again = turn.kind not in ONCE
        making = FORKING.Process(target=_make_noise, args=(noise, netloc, f"/{turn.noisy}", again))
        making.start()
        end = making.join
    else:
        yield
        return
    try:
        yield
    finally:
        making.kill()
        end()


def _make_noise(noise: Noise, netloc: str, path: str, again: bool) -> None:
    async def make() -> None:
        await noise(netloc, path)
        while again:
            await noise(netloc, path)

    asyncio.run(make())


async def _call_cold(netloc: str, paths: list[str]) -> list[libload.Answer]:
    answers = []
    for path in paths:
        began = time.monotonic()
        answers += await libload.burst(netloc, [path])
        await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))
    return answers


async def _declare(platform: libplatform.Platform, netloc: str, kinds: list[str]) -> None:
    turns = _turns(kinds)
    pairs = [(name, turn.environment) for turn in turns for name in turn.quiet]
    noisy = [(turn.noisy, turn.kind) for turn in turns if turn.kind in SOURCES]
    async with libdeclare.connected(platform.home) as client:
        packages = [libdeclare.package(f"quiet-{e}", SOURCES["quiet"], e) for e in ENVIRONMENTS]
        packages += [libdeclare.package(k, SOURCES[k], "noisy") for k in kinds if k in SOURCES]
        await libdeclare.create_all(client, packages)
        named = [(path, f"quiet-{e}", e) for path, e in pairs]
        named += [(path, kind, "noisy") for path, kind in noisy]
        functions = [libdeclare.function(*each) for each in named]
        await libdeclare.create_all(client, functions)
        names = [path for path, _ in pairs + noisy]
        await libdeclare.create_all(client, [libdeclare.route(name) for name in names])
    await libload.wait_routes(netloc, [f"/{name}" for name in names])


def _row(
    kind: str, name: str, answers: list[libload.Answer], alone: list[libload.Answer]
) -> dict[str, Any]:
    taken, baseline = ([e.seconds * 1000 for e in each] for each in (answers, alone))
    p95 = libload.percentile(taken, 0.95)
    return {
        "noise": kind,
        "environment": "the same" if name == "noisy" else name,
        "requests": len(answers),
        "answered": sum(each.status == 200 for each in answers),
        "p50 ms": round(libload.percentile(taken, 0.5), 1),
        "p95 ms": round(p95, 1),
        "ratio": round(p95 / libload.percentile(baseline, 0.95), 2),
    }
