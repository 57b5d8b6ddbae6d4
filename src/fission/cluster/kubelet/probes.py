"""Startup, readiness and liveness probes: when to ask, what an answer means, who asks.

`Counter` holds the thresholds and is pure. A fresh container is asked at once and then every 50 ms
until it first succeeds, so that a pool's pods are ready as soon as they can be; from then on the
spec's period counts. Failures only count at the spec's pace.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.cluster.kubelet import errors
from fission_http import client as http_client
from fission_http import errors as http_errors

Obj = dict[str, Any]

EAGER_SECONDS = 0.05
MAX_ANSWER_BYTES = 10 * 1024
"""As much of an answer as is read, the kubelet's value."""


Execute = Callable[[Sequence[str], float], Awaitable[int]]
"""Run this in the container for at most so many seconds; the exit code."""


@dataclass(frozen=True)
class Rule:
    """One probe of one container, with the API's defaults."""

    kind: str
    """startup, readiness or liveness."""
    initial_delay_seconds: float
    period_seconds: float
    timeout_seconds: float
    success_threshold: int
    failure_threshold: int
    grace_seconds: float | None
    http_get: Obj | None = None
    tcp_socket: Obj | None = None
    command: tuple[str, ...] = ()
    execute: Execute | None = None


def parse_rules(container: Obj, execute: Execute | None = None) -> list[Rule]:
    """The probes of a container; Refused names the kinds that this node does not run.

    ``execute`` runs programs in it, for those that ask for one.
    """
    rules: list[Rule] = []
    for kind in ("startup", "liveness", "readiness"):
        raw = container.get(f"{kind}Probe")
        if raw is None:
            continue
        if raw.get("grpc") is not None:
            raise errors.Refused(
                f"container {container['name']}: {kind}Probe.grpc is not supported by this node; "
                "supported are httpGet, tcpSocket and exec"
            )
        rules.append(
            Rule(
                kind=kind,
                initial_delay_seconds=float(raw.get("initialDelaySeconds") or 0),
                period_seconds=float(raw.get("periodSeconds") or 10),
                timeout_seconds=float(raw.get("timeoutSeconds") or 1),
                success_threshold=int(raw.get("successThreshold") or 1),
                failure_threshold=int(raw.get("failureThreshold") or 3),
                grace_seconds=raw.get("terminationGracePeriodSeconds"),
                http_get=raw.get("httpGet"),
                tcp_socket=raw.get("tcpSocket"),
                command=tuple((raw.get("exec") or {}).get("command") or ()),
                execute=execute,
            )
        )
    return rules


@dataclass
class Counter:
    """Counts answers in a row; tells when a threshold is crossed."""

    rule: Rule
    successes: int = 0
    failures: int = 0
    healthy: bool | None = None
    """None until a threshold was reached once."""

    def take(self, ok: bool) -> bool | None:
        """The new verdict when this answer changes it, else None."""
        if ok:
            self.successes, self.failures = self.successes + 1, 0
            if self.successes >= self.rule.success_threshold and self.healthy is not True:
                self.healthy = True
                return True
            return None
        self.successes, self.failures = 0, self.failures + 1
        if self.failures >= self.rule.failure_threshold and self.healthy is not False:
            self.healthy = False
            return False
        return None


Resolve = Callable[[str | int], int]
"""Declared port, by name or number → the port that is bound."""


async def run(
    rules: list[Rule],
    host: str,
    resolve: Resolve,
    http: http_client.Client,
    report: Callable[[str, bool, float | None], None],
    clock: clocks.Clock,
) -> None:
    """Probe one running container until cancelled; `report(kind, healthy, grace)` on a change."""
    by_kind = {rule.kind: rule for rule in rules}
    started = clock.monotonic()
    startup = by_kind.get("startup")
    if startup is not None:
        await _until_started(startup, host, resolve, http, report)
    async with asyncio.TaskGroup() as group:
        for kind in ("readiness", "liveness"):
            rule = by_kind.get(kind)
            if rule is not None:
                delay = max(0.0, started + rule.initial_delay_seconds - clock.monotonic())
                group.create_task(_keep_asking(rule, delay, host, resolve, http, report, clock))


async def _until_started(
    rule: Rule,
    host: str,
    resolve: Resolve,
    http: http_client.Client,
    report: Callable[[str, bool, float | None], None],
) -> None:
    counter = Counter(rule)
    await _keep(counter, rule.initial_delay_seconds, host, resolve, http, report, once=True)


async def _keep_asking(
    rule: Rule,
    delay: float,
    host: str,
    resolve: Resolve,
    http: http_client.Client,
    report: Callable[[str, bool, float | None], None],
    clock: clocks.Clock,
) -> None:
    await _keep(Counter(rule), delay, host, resolve, http, report, once=False)


async def _keep(
    counter: Counter,
    delay: float,
    host: str,
    resolve: Resolve,
    http: http_client.Client,
    report: Callable[[str, bool, float | None], None],
    *,
    once: bool,
) -> None:
    rule = counter.rule
    await asyncio.sleep(delay)
    eager = rule.kind != "liveness"
    since_counted = rule.period_seconds
    while True:
        ok = await ask(rule, host, resolve, http)
        # Asked more often than the spec says, a failure counts only once in a period.
        counts = ok or not eager or since_counted >= rule.period_seconds
        if counts:
            since_counted = 0.0
            verdict = counter.take(ok)
            if verdict is not None:
                report(rule.kind, verdict, rule.grace_seconds)
                if verdict and once:
                    return
        if ok and counter.healthy:
            eager = False
        pause = min(EAGER_SECONDS, rule.period_seconds) if eager else rule.period_seconds
        since_counted += pause
        await asyncio.sleep(pause)


async def ask(rule: Rule, host: str, resolve: Resolve, http: http_client.Client) -> bool:
    """One question; anything but a good answer in time is a failure."""
    try:
        async with asyncio.timeout(rule.timeout_seconds):
            if rule.http_get is not None:
                return await _http_get(rule, rule.http_get, host, resolve, http)
            if rule.tcp_socket is not None:
                target = rule.tcp_socket.get("host") or host
                _, writer = await asyncio.open_connection(target, resolve(rule.tcp_socket["port"]))
                writer.close()
                return True
            if rule.command and rule.execute is not None:
                return await rule.execute(rule.command, rule.timeout_seconds) == 0
    except (TimeoutError, OSError, http_errors.HttpError, errors.ContainerError):
        return False
    return False


async def _http_get(
    rule: Rule, action: Obj, host: str, resolve: Resolve, http: http_client.Client
) -> bool:
    scheme = str(action.get("scheme") or "HTTP").lower()
    path = action.get("path") or "/"
    url = f"{scheme}://{action.get('host') or host}:{resolve(action['port'])}{path}"
    headers = [(h["name"], h.get("value", "")) for h in action.get("httpHeaders") or ()]
    if not any(name.lower() == "user-agent" for name, _ in headers):
        headers.append(("user-agent", "kube-probe/1.36"))
    response = await http.request(
        "GET",
        url,
        headers=headers,
        timeout_seconds=rule.timeout_seconds,
        ssl_context=unverified() if scheme == "https" else None,
    )
    try:
        return 200 <= response.status < 400
    finally:
        await response.aclose()


def unverified() -> ssl.SSLContext:
    """Probes do not check certificates: the pod's own is rarely known to anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
