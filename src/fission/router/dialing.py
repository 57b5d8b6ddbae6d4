"""One attempt to reach a pod, and what the router learns of the pod by it."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Final

from fission.router import executor_client, failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fission.router import listener, slots, upstream

_log = logging.getLogger(__name__)

OUR_OWN: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL))
"""The pod is not to blame, so nothing is learnt of it."""


async def connect(
    shared: listener.Shared, endpoint: slots.Endpoint, attempt: int, fields: Mapping[str, str]
) -> upstream.Upstream:
    """A new connection to an endpoint; raises Failure. Later attempts have more time."""
    seconds = shared.settings.dial_timeout_seconds * 2 ** min(attempt, 6)
    try:
        made = await shared.pool.connect(endpoint.address, seconds)
        if made.transport.is_closing():  # before anybody could hear of it
            raise ConnectionResetError(errno.ECONNRESET, "the pod closed it at once")
    except OSError as error:
        raise _learn(shared, endpoint, error, fields) from error
    return made


def _learn(
    shared: listener.Shared, endpoint: slots.Endpoint, error: OSError, fields: Mapping[str, str]
) -> failures.Failure:
    now = shared.loop.time()
    address = executor_client.format_address(endpoint.address)
    if error.errno in OUR_OWN:
        _log.warning("a connection could not be made: %s", error, extra=dict(fields))
        return failures.own_limit(f"the router has too many connections open: {error}")
    if isinstance(error, TimeoutError):
        shared.slots.dial_failed(endpoint, now)
        _log.info("a pod was not reached in time", extra={**fields, "address": address})
        return failures.dial_error(f"connecting to {address} took too long")
    shared.slots.refused(endpoint, now)
    _log.info("dropped address", extra={**fields, "address": address})
    if isinstance(error, ConnectionRefusedError):
        return failures.connection_refused(f"{address} refused the connection")
    return failures.dial_error(f"connecting to {address} failed: {error}")
