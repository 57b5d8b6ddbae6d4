"""The image folders of the JVM, as the embedded platform reads them."""

from __future__ import annotations

import hashlib
import json
import pathlib

import pytest

from fission.cluster.kubelet import images

FOLDER = pathlib.Path(__file__).parents[4] / "environments" / "jvm"
MODULES = FOLDER / "builder" / "modules"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("fission/jvm-env", "jvm-env"),
        ("ghcr.io/fission/jvm-env-21:latest", "jvm-env"),
        ("registry.example:5000/mirror/jvm-builder@sha256:00", "jvm-builder"),
        ("fission/jvm-builder-21", "jvm-builder"),
    ],
)
def test_the_names_that_people_use(reference: str, name: str, tmp_path: pathlib.Path) -> None:
    catalog = images.load([FOLDER.parent], "python", tmp_path)
    assert catalog.find(reference).name == name


def test_the_jersey_environment_is_another(tmp_path: pathlib.Path) -> None:
    catalog = images.load([FOLDER.parent], "python", tmp_path)
    with pytest.raises(Exception, match="no image answers to"):
        catalog.find("fission/jvm-jersey-env")


def test_the_runtime_is_prepared_again_when_the_modules_change() -> None:
    """They lie in the builder's folder, which does not count as the runtime's content."""
    digest = hashlib.sha256()
    for path in sorted(MODULES.rglob("*.java")):
        digest.update(path.relative_to(MODULES).as_posix().encode() + b"\0" + path.read_bytes())
    prepare = json.loads((FOLDER / "image.json").read_text())["prepare"]
    assert prepare[-2:] == ["--modules", digest.hexdigest()[:16]], "write this into image.json"
