"""The embedded images and the container images say the same."""

from __future__ import annotations

import json
import pathlib
import re

NODE = pathlib.Path(__file__).parents[4] / "environments" / "node"


def variables_of(recipe: str) -> dict[str, str]:
    text = (NODE / recipe).read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ENV "))
    found = re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)
    return {name: quoted or plain for name, quoted, plain in found}


def test_both_builder_images_set_the_same_variables() -> None:
    embedded = json.loads((NODE / "builder" / "image.json").read_text())["env"]
    assert embedded.pop("NODE_EXTRA_CA_CERTS") == "{cache}/certificates.pem"  # of this machine
    container = variables_of("builder/Dockerfile")
    ours = (
        embedded.pop("PATH").replace("{image}", "/opt/fission/builder").replace("{cache}/bin:", "")
    )
    assert container.pop("PATH") == ours
    assert container == embedded


def test_both_runtime_images_set_the_same_variables() -> None:
    embedded = json.loads((NODE / "image.json").read_text())["env"]
    assert variables_of("Dockerfile") == embedded


def test_runtime_and_builder_have_the_same_node() -> None:
    recipes = [(NODE / name).read_text() for name in ("Dockerfile", "builder/Dockerfile")]
    assert len({re.findall(r"(?m)^FROM (\S+)", recipe)[0] for recipe in recipes}) == 1


def test_what_a_container_is_started_with_can_be_run() -> None:
    for name in ("bin/start", "builder/bin/build"):
        assert (NODE / name).stat().st_mode & 0o111, name
