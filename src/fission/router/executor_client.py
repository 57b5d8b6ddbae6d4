"""Calls to the executor: an address for a function, more capacity, reports of use.

The executor may be away for a moment (it is being replaced, or another one leads): calls that it
cannot have acted upon wrongly are repeated until the caller's deadline. Asking twice for an address
is harmless, since a pod is claimed by one function only.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import orjson

from fission.contracts import executor as contract
from fission.meta import status
from fission.router import failures
from fission_http import errors as http_errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fission.router import slots, targets
    from fission.web import client as web_client

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
DEFAULT_PORT: Final = 80
NOT_READY: Final = 503


class ExecutorClient:
    """Speaks to whichever executor can be found."""

    def __init__(
        self,
        http: web_client.HttpClient,
        locate: Callable[[], Awaitable[Sequence[str]]],
        report_timeout_seconds: float,
    ) -> None:
        """`locate` gives the executors' URLs, best first."""
        self._http = http
        self._locate = locate
        self._report_timeout_seconds = report_timeout_seconds

    async def get_service(self, target: targets.Target, deadline: float) -> slots.Address:
        """An address for one request; raises Failure."""
        body = orjson.dumps(target.wire)
        return await self._address(contract.GET_SERVICE_FOR_FUNCTION, target, body, deadline)

    async def ensure_capacity(
        self, target: targets.Target, ready: int, busy: int, deadline: float
    ) -> slots.Address:
        """One more address, as the ready ones are busy; raises Failure."""
        body = orjson.dumps(
            {
                "function": target.wire,
                "observedReadyEndpoints": ready,
                "observedBusyEndpoints": busy,
            }
        )
        return await self._address(contract.ENSURE_CAPACITY, target, body, deadline)

    async def tap(self, taps: list[dict[str, Any]]) -> None:
        """Report use; raises on failure, and then nothing is lost but a few seconds' freshness."""
        await self._report(contract.TAP_SERVICES, orjson.dumps(taps))

    async def untap(self, target: targets.Target, address: slots.Address) -> None:
        """A request that the executor counted is over."""
        await self._report(
            contract.UNTAP_SERVICE, orjson.dumps(tap_of(target, format_address(address)))
        )

    async def _report(self, path: str, body: bytes) -> None:
        urls = await self._locate()
        if not urls:
            raise http_errors.ConnectError("no executor is ready", refused=True)
        answer = await self._http.call(
            "POST",
            urls[0] + path,
            [("Content-Type", "application/json")],
            body,
            timeout_seconds=self._report_timeout_seconds,
            replay=True,
        )
        if not answer.ok and answer.status != 404:
            raise http_errors.ProtocolError(f"the executor answered {answer.status}")

    async def _address(
        self, path: str, target: targets.Target, body: bytes, deadline: float
    ) -> slots.Address:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while True:
            left = deadline - loop.time()
            if left <= 0:
                raise failures.wait_timeout(target.timeout_seconds)
            try:
                return await self._ask(path, target, body, left)
            except http_errors.RequestTimeout as error:
                raise failures.wait_timeout(target.timeout_seconds) from error
            except (http_errors.HttpError, status.StatusError, _Away) as error:
                if loop.time() + pause >= deadline:
                    text = f"the executor cannot be reached: {error}"
                    raise failures.executor_unavailable(text) from error
                _log.warning("executor was not reached: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _ask(
        self, path: str, target: targets.Target, body: bytes, left: float
    ) -> slots.Address:
        urls = await asyncio.wait_for(self._locate(), left)
        if not urls:
            raise _Away("no executor is ready")
        headers = [("Content-Type", "application/json")]
        answer = await self._http.call(
            "POST", urls[0] + path, headers, body, timeout_seconds=left, replay=True
        )
        if answer.ok:
            return parse_address(answer.text())
        if answer.status == NOT_READY:
            raise _Away(answer.text() or "the executor is not ready")
        if answer.status == 429:
            raise failures.capacity_exceeded(answer.text())
        if answer.status in (408, 504):
            raise failures.wait_timeout(target.timeout_seconds)
        if answer.status == 404 and path == contract.ENSURE_CAPACITY:
            # an executor that does not know the call yet
            whole = orjson.dumps(target.wire)
            return await self._ask(contract.GET_SERVICE_FOR_FUNCTION, target, whole, left)
        raise failures.specialization_failed(answer.text() or f"executor: {answer.status}")


class _Away(Exception):
    """Nobody there to answer; worth another try."""


def tap_of(target: targets.Target, service_url: str, executor_type: str = "") -> dict[str, Any]:
    """One report of use, in wire form; `executor_type` where it isn't the function's own."""
    metadata = {k: v for k, v in target.wire["metadata"].items() if k != "managedFields"}
    return {
        "FnMetadata": metadata,
        "FnExecutorType": executor_type or target.executor_type,
        "ServiceURL": service_url,
    }


def parse_address(text: str) -> slots.Address:
    """`host:port`, or a host alone, which means port 80."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(port)
    if not text or "/" in text:
        raise failures.specialization_failed(f"the executor gave no address but {text[:80]!r}")
    return text.strip("[]"), DEFAULT_PORT


def format_address(address: slots.Address) -> str:
    """The address as the executor spells it."""
    host, port = address
    if port == DEFAULT_PORT:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
