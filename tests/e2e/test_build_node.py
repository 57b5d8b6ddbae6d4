"""A Node.js package built from source, as a running function.

The packages travel with the source, so that nothing here needs a network.
"""

from __future__ import annotations

import contextlib
import urllib.parse

import pytest

from tests.e2e import nodepackage
from tests.e2e import platform as platforms
from tests.support import wsclient

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def built(platform: platforms.Platform) -> platforms.Platform:
    """The shared platform with a function `sum` that was built from source."""
    return nodepackage.make(platform)


def test_an_error_outside_of_a_call_is_answered_and_the_function_goes_on(
    built: platforms.Platform,
) -> None:
    nodepackage.create(built, "fail", str(built.home / "work" / "sum"), "sum.fail")
    failed = built.wait_call("/fail", lambda answer: answer.status == 500)
    assert failed.text == "Internal Server Error\n"
    built.wait_call("/fail", lambda answer: answer.text == failed.text)


def test_a_websocket_through_the_router(built: platforms.Platform) -> None:
    nodepackage.create(built, "chat", str(built.home / "work" / "sum"), "sum.chat")
    built.wait_call("/chat", lambda answer: answer.status != 404)
    address = urllib.parse.urlsplit(built.router)
    assert address.hostname
    assert address.port
    client = wsclient.Client((address.hostname, address.port), "/chat")
    with contextlib.closing(client):
        client.send(wsclient.TEXT, b"me")
        assert client.receive() == (wsclient.TEXT, b"heard me")
