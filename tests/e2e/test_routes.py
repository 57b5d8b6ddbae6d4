"""Routes from the command line to the function and back: what is served, shown and recorded."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e import platform as platforms

CODE = (
    "from flask import request\n\n"
    "def main():\n"
    "    return request.headers.get('X-Fission-Params-Name', '-') + request.path\n"
)


def _until(so: Callable[[], bool]) -> None:
    platforms.eventually(so, bool)


def test_a_route_is_served_changed_shown_outside_and_recorded(
    platform: platforms.Platform, kubectl: None
) -> None:
    file = platform.write("routed.py", CODE)
    platform.fission("fn", "create", "--name", "routed", "--env", "python", "--code", file)
    platform.fission(
        *("route", "create", "--name", "routed", "--prefix", "/routed/{name:[a-z]+}"),
        *("--function", "routed", "--route-provider", "ingress", "--route-host", "a.example"),
        *("--cors-origin", "https://a.example"),
    )
    platform.fission("route", "wait", "--name", "routed", "--for", "condition=Ready")
    assert platform.call("/routed/red/a/b").text == "red/a/b"
    assert platform.call("/routed/RED").status == 404

    shown = platform.kubectl("-n", "fission", "get", "ingress", "routed", "-o", "wide")
    assert "a.example" in shown

    platform.fission("route", "update", "--name", "routed", "--url", "/routed")
    _until(lambda: platform.call("/routed").status == 200)
    assert platform.call("/routed/red").status == 404

    # The command would not write it.
    slow = ("route", "create", "--name", "slow", "--url", "/slow", "--function", "routed")
    platform.fission(*slow)
    patch = json.dumps({"spec": {"relativeurl": "/slow/{x:(?:a+)+}"}})
    platform.kubectl("patch", "httptriggers", "slow", "--type", "merge", "-p", patch)
    platform.fission("route", "wait", "--name", "slow", "--for", "condition=Ready=False")
    told = platform.fission("route", "get", "--name", "slow").stdout
    assert "InvalidRouteTemplate" in told

    def recorded() -> bool:
        found = json.loads(
            platform.fission("route", "get", "--name", "routed", "-o", "json").stdout
        )
        return int(found["status"].get("delivery", {}).get("delivered", 0)) >= 2

    _until(recorded)
    platform.fission("route", "delete", "--function", "routed")
    ingresses = ("-n", "fission", "get", "ingress", "-o", "name")
    _until(lambda: "routed" not in platform.kubectl(*ingresses))
    platform.fission("fn", "delete", "--name", "routed")
