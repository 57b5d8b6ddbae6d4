"""Where the files that ship with the package are: in a wheel, or in a checkout beside ``src``."""

from __future__ import annotations

import importlib.resources
import pathlib

_HERE = pathlib.Path(str(importlib.resources.files("fission.bundle")))


def environments() -> pathlib.Path:
    """Return the folder with one runtime per language."""
    return _shipped("environments")


def examples() -> pathlib.Path:
    """Return the folder of examples."""
    return _shipped("examples")


def manifests() -> pathlib.Path:
    """Return the folder of the platform's objects."""
    return _HERE / "manifests"


def crds() -> pathlib.Path:
    """Return the folder of generated custom resource definitions."""
    return pathlib.Path(str(importlib.resources.files("fission.api"))) / "crds"


def image_folders() -> list[pathlib.Path]:
    """Return the folders whose sub-folders are images of the embedded kubelet."""
    return [_HERE / "images", environments()]


def _shipped(name: str) -> pathlib.Path:
    in_wheel = _HERE / name
    if in_wheel.is_dir():
        return in_wheel
    return _HERE.parents[2] / name
