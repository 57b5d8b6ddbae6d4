"""Becoming the runtime of an image: the kubelet's preparation, without its sandbox."""

from __future__ import annotations

import asyncio
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

from fission.base import errors
from fission.bundle import data
from fission.cluster.kubelet import errors as kubelet_errors
from fission.cluster.kubelet import images, preparing

SOCKET_NAME: Final = "http-env"
FIRST_DESCRIPTOR: Final = 3


class NotHere(errors.Error):
    """The image cannot be run on this machine; the message says what would help."""

    reason = "NotHere"


def find(reference: str, env: Mapping[str, str]) -> images.Image:
    """The image of a name, prepared; raises UnknownImage, NotHere."""
    cache = pathlib.Path(env.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fission"
    home = pathlib.Path(env.get("FISSION_HOME") or pathlib.Path.home() / ".fission")
    own = home / "images"
    folders = [*([own] if own.is_dir() else []), *data.image_folders()]
    catalog = images.load(folders, sys.executable, cache / "images")
    try:
        image = catalog.find(reference)
    except kubelet_errors.UnknownImage as error:
        raise NotHere(
            f'image "{reference}" is not known on this machine\n'
            f"known are {', '.join(catalog.names())}; container engines are not used\n"
            f"name one of these, or put a folder with an {images.MANIFEST} into {own}"
        ) from error
    missing = images.missing_needs(image)
    if missing:
        raise NotHere(missing)
    asyncio.run(preparing.Preparer(cache / "logs").ready(image))
    return image


def become(reference: str, descriptor: int, debug_port: int, env: Mapping[str, str]) -> NoReturn:
    """Replace this process by the image's runtime, listening on a descriptor."""
    image = find(reference, env)
    command, variables = _command(image, debug_port)
    full = {
        **env,
        **image.env,
        **variables,
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": SOCKET_NAME,
    }
    full.pop("LISTEN_PID", None)
    if image.pythonpath:
        full["PYTHONPATH"] = os.pathsep.join(image.pythonpath)
    if descriptor != FIRST_DESCRIPTOR:
        os.dup2(descriptor, FIRST_DESCRIPTOR)
        os.close(descriptor)
    os.set_inheritable(FIRST_DESCRIPTOR, True)
    os.execvpe(command[0], command, full)


def _command(image: images.Image, debug_port: int) -> tuple[list[str], dict[str, str]]:
    """What to run with which more variables."""
    if not image.command:
        raise NotHere(f"image {image.name} has no command, so it runs on a platform only")
    if not debug_port:
        return list(image.command), {}
    debug = image.debug
    if debug is None:
        raise NotHere(f"--debug-port: image {image.name} names no debugger")
    missing = [need for need in debug.needs if need.find() is None]
    if missing:
        how = "; ".join(need.install for need in missing)
        names = ", ".join(need.name for need in missing)
        raise NotHere(f"--debug-port: image {image.name} needs {names} on this machine: {how}")
    port = str(debug_port)
    command = [word.replace("{port}", port) for word in debug.command or image.command]
    return command, {name: text.replace("{port}", port) for name, text in debug.env.items()}
