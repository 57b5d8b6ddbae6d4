"""Health, readiness and metrics: what every component answers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fission.web import failures
from fission_http import server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def healthz() -> server.Response:
    """The process answers; that is all it says."""
    return server.Response(200, failures.TEXT, b"ok\n")


def readyz(checks: Mapping[str, Callable[[], bool]]) -> server.Response:
    """200 when every check holds, else 503 and the names of those that do not."""
    failing = [name for name, holds in checks.items() if not holds()]
    if failing:
        return server.Response(503, failures.TEXT, f"not ready: {', '.join(failing)}\n".encode())
    return server.Response(200, failures.TEXT, b"ok\n")


def metrics() -> server.Response:
    """Everything in the process-wide registry, in Prometheus' text format."""
    import prometheus_client  # 20 ms and some MB that only those who ask should pay

    return server.Response(
        200,
        [("Content-Type", prometheus_client.CONTENT_TYPE_LATEST)],
        prometheus_client.generate_latest(),
    )
