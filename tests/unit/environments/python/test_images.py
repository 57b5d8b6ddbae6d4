"""The embedded image and the container image of the builder say the same."""

from __future__ import annotations

import json
import pathlib
import re

PYTHON = pathlib.Path(__file__).parents[4] / "environments" / "python"


def test_both_builder_images_set_the_same_variables() -> None:
    embedded = json.loads((PYTHON / "builder" / "image.json").read_text())["env"]
    recipe = (PYTHON / "builder" / "Dockerfile").read_text().replace("\\\n", " ")
    line = next(line for line in recipe.splitlines() if line.startswith("ENV "))
    found = re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)
    container = {name: quoted or plain for name, quoted, plain in found}
    assert container.pop("PATH") == embedded.pop("PATH").replace("{image}", "/opt/fission/builder")
    assert container == embedded


def test_runtime_and_builder_images_have_the_same_python() -> None:
    recipes = [(PYTHON / name).read_text() for name in ("Dockerfile", "builder/Dockerfile")]
    bases = {re.findall(r"(?m)^FROM (\S+)", recipe)[0] for recipe in recipes}
    assert len(bases) == 1
    version = bases.pop().removeprefix("python:").removesuffix("-slim")
    assert f"/lib/python{version}/site-packages/fission" in recipes[1]


def test_commands_of_the_builder_can_be_run() -> None:
    commands = {path.name: path for path in (PYTHON / "builder" / "bin").iterdir()}
    assert set(commands) == {"build", "compile-bytecode", "pip", "pip3", "python", "python3", "uv"}
    assert all(path.stat().st_mode & 0o111 for path in commands.values())
