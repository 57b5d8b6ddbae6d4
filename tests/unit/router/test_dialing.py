"""What is learnt of a pod that was not reached, and what is the router's own fault."""

import asyncio
import errno
import resource
import types

import pytest

from fission.router import config, dialing, failures, sockets


class Shared:
    """As much of a listener as an attempt needs."""

    def __init__(self, error: OSError | None) -> None:
        self.settings = config.Config()
        self.loop = types.SimpleNamespace(time=lambda: 1.0)
        self.learnt: list[str] = []
        self.pool = self
        self.slots = self
        self._error = error

    async def connect(self, address: tuple[str, int], seconds: float) -> object:
        if self._error is not None:
            raise self._error
        ended = types.SimpleNamespace(is_closing=lambda: True)
        return types.SimpleNamespace(transport=ended)

    def refused(self, endpoint: object, now: float) -> None:
        self.learnt.append("refused")

    def dial_failed(self, endpoint: object, now: float) -> None:
        self.learnt.append("slow")


@pytest.mark.parametrize(
    ("error", "learnt", "status", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), ["refused"], 500, "connection_refused"),
        (TimeoutError(), ["slow"], 500, "dial_error"),
        (OSError(errno.EHOSTUNREACH, "no way"), ["refused"], 500, "dial_error"),
        (None, ["refused"], 500, "dial_error"),
        (OSError(errno.EMFILE, "too many"), [], 503, "too_many_connections"),
        (OSError(errno.EADDRNOTAVAIL, "no port"), [], 503, "too_many_connections"),
    ],
)
def test_only_what_the_pod_did_counts_against_it(error, learnt, status, reason):
    shared = Shared(error)
    endpoint = types.SimpleNamespace(address=("127.0.0.1", 8888))
    with pytest.raises(failures.Failure) as caught:
        asyncio.run(dialing.connect(shared, endpoint, 1, {}))
    assert shared.learnt == learnt
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_the_limit_of_open_files_is_raised_as_far_as_allowed():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert sockets.allow_connections(600) == 600
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600 + sockets.SPARE_FILES
        assert sockets.allow_connections(10) == 10
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600 + sockets.SPARE_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
