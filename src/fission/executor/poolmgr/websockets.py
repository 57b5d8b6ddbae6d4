"""Whether somebody holds a WebSocket to a pod of which no router tells, as upstream's guard does.

Routers report tunnels as they report requests. A connection that went around them is known to the
runtime alone, which tells the fetcher beside it (``/wsevent``), and the fetcher is asked before an
idle pod is given back. An answer that does not come holds no pod.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fission.executor import catalog, errors, fscache
from fission.executor.poolmgr import fetchers, pods
from fission.meta import podports

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16


class Websockets:
    """Asks the fetchers of pods."""

    def __init__(self, known: catalog.Catalog, calls: fetchers.Fetchers) -> None:
        self._catalog = known
        self._fetchers = calls
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def is_open(self, service: fscache.FunctionService) -> bool:
        """Whether the runtime said that clients are connected, and not yet that none is left."""
        pod = self._catalog.pods.lister.get(service.namespace, service.pod)
        if pod is None or pod["metadata"]["uid"] != service.pod_uid:
            return False
        try:
            async with self._asking:
                found = await self._fetchers.claims(pods.generic_pod(pod))
        except (errors.PodLost, podports.UnknownPort) as error:
            logger.debug("websockets are not known: %s", error, extra={"pod": service.pod})
            return False
        return any(claim.websockets for claim in found)
