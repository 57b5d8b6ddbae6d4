"""An image as a function: on this machine, by ``fn run-container``."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e import accounts
from tests.e2e import platform as platforms

IMAGES = accounts.REPOSITORY / "examples" / "container"


def test_an_image_is_run_updated_and_switched_off(
    fresh: Callable[[], platforms.Platform],
) -> None:
    platform = fresh()
    platform.up("--ports", "auto", "--images", str(IMAGES))
    image = ("--image", "example/hello-http", "--port", "8888")
    scale = ("--minscale", "0", "--maxscale", "2")
    platform.fission(
        "fn", "run-container", "--name", "shop", *image, *scale, "--env-var", "GREETING=hi"
    )
    methods = ("--method", "GET", "--method", "POST")
    platform.fission(
        "route", "create", "--name", "shop", "--prefix", "/shop", "--function", "shop", *methods
    )
    answer = platform.wait_call("/shop/cart")
    assert json.loads(answer.text)["path"] == "/cart"
    posted = json.loads(platform.call("/shop/cart", "POST", b"two of them").text)
    assert (posted["method"], posted["body"]) == ("POST", "two of them")
    platform.fission("fn", "update-container", "--name", "shop", "--env-var", "GREETING=ahoy")
    platforms.eventually(
        lambda: json.loads(platform.call("/shop/cart").text)["greeting"],
        lambda found: found == "ahoy",
    )
    platform.fission("fn", "delete", "--name", "shop")
