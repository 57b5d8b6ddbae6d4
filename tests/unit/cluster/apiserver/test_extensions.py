"""The parts, wired: what the core will find in its hooks."""

import asyncio
import pathlib
from typing import Any

import pytest

from fission.cluster.apiserver import extensions, hooks, pki
from fission.cluster.apiserver.crd import registry
from fission.meta import gvk


@pytest.fixture
def wired(tmp_path: pathlib.Path, objects: Any, manual_clock: Any) -> extensions.Extensions:
    files = pki.ensure(tmp_path / "pki", manual_clock.now())
    return extensions.build(
        files,
        registry.Registry(manual_clock),
        objects,
        lambda: [gvk.PODS],
        tmp_path / "logs",
        tmp_path / "kubelet.sock",
        manual_clock,
    )


async def test_the_parts_answer_by_their_protocols(
    wired: extensions.Extensions, tmp_path: pathlib.Path
) -> None:
    parts = wired.parts
    await wired.start()

    token = (tmp_path / "pki" / "admin.token").read_text()
    user = parts.authenticator.authenticate(
        {"authorization": f"Bearer {token}"}, hooks.Peer(local=False)
    )

    assert user == hooks.ADMIN
    anything = hooks.Attributes(verb="delete", resource="nodes", name="x")
    assert parts.authorizer.authorize(user, anything).allowed
    assert not parts.authorizer.authorize(hooks.ANONYMOUS, anything).allowed
    assert set(parts.streams) == {"pods/log", "pods/proxy", "services/proxy"}
    assert ("", "serviceaccounts/token") in parts.virtual_creates
    assert parts.openapi is not None
    assert "api/v1" in parts.openapi.index()["paths"]
    await wired.client.aclose()


async def test_running_ends_with_its_cancellation_and_closes_the_client(
    wired: extensions.Extensions, objects: Any
) -> None:
    task = asyncio.create_task(wired.run())
    await asyncio.sleep(0)
    task.cancel()

    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert wired.client.open_connections == 0
