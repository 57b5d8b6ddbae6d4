"""Starts a runtime from its ``image.json`` as the platform would: handed sockets, code in a volume.

No platform is involved: the image's command runs as it is, outside any sandbox.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from fission.cluster.kubelet import images, preparing

SOCKET_NAME = "http-env"
CACHES = pathlib.Path(__file__).parents[2] / ".venv" / "test-needs" / "images"
"""Kept from run to run: a folder's name changes with the image and with the programs it needs."""
_FIRST_FREE = 100
"""Copies are made from here on, so that none of them is one of those that the process gets."""


def load(folder: pathlib.Path, caches: pathlib.Path) -> images.Image:
    """The image of a folder; what it prepares on this machine goes below ``caches``."""
    text = (folder / images.MANIFEST).read_text()
    return images.parse(text, folder, sys.executable, caches)


def prepare(folder: pathlib.Path) -> images.Image:
    """The image of a folder; what it prepares on this machine is made once for all tests."""
    image = load(folder, CACHES)
    if image.prepare:
        CACHES.mkdir(parents=True, exist_ok=True)
        with (CACHES / f"{image.name}.lock").open("w") as lock:  # another run of tests waits
            fcntl.flock(lock, fcntl.LOCK_EX)
            asyncio.run(preparing.Preparer(CACHES / "logs").ready(image))
    return image


def start(
    image: images.Image,
    listeners: Sequence[socket.socket],
    volumes: Mapping[str, pathlib.Path],
    sink: IO[bytes],
    env: Mapping[str, str] | None = None,
    file_kib: int | str = "unlimited",
) -> subprocess.Popen[bytes]:
    """Start the image's command; it gets these sockets as descriptors 3, 4, … and no other.

    ``volumes``: declared path → where it really is. ``file_kib``: largest file it may write.
    """
    copies = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for one in listeners]
    moves = "".join(f" {3 + n}<&{fd} {fd}<&-" for n, fd in enumerate(copies))
    paths = {declared: str(real) for declared, real in volumes.items()}
    variables = {**os.environ, **image.env, "POD_VOLUME_PATHS": json.dumps(paths)}
    if copies:
        names = ":".join([SOCKET_NAME] * len(copies))
        variables |= {"LISTEN_FDS": str(len(copies)), "LISTEN_FDNAMES": names}
    if image.pythonpath:
        variables["PYTHONPATH"] = os.pathsep.join(image.pythonpath)
    try:
        return subprocess.Popen(
            [
                *("bash", "-c", f'ulimit -f "$0"; exec "$@"{moves}'),
                *(str(file_kib), *image.command),
            ],
            env={**variables, **(env or {})},
            pass_fds=copies,
            cwd=image.working_dir,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    finally:
        for fd in copies:
            os.close(fd)
