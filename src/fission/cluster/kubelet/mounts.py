"""What a container sees at which path: its volumes, a folder for temporary files, the file for its
last words.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fission.cluster.kubelet import errors, files
from fission.cluster.kubelet.zygote import messages

Obj = dict[str, Any]

DEFAULT_MESSAGE_PATH = "/dev/termination-log"
MESSAGE_BYTES = 4096


def of_volumes(container: Obj, volumes: Mapping[str, Path]) -> list[messages.Mount]:
    """The container's `volumeMounts`; ContainerConfigError names what is wrong with one."""
    mounts: list[messages.Mount] = []
    for mount in container.get("volumeMounts") or ():
        folder = volumes.get(mount["name"])
        if folder is None:
            raise errors.ContainerConfigError(f"volume {mount['name']!r} is not in the pod")
        if mount.get("subPath"):
            try:
                folder = files.below(folder, mount["subPath"])
                if not folder.exists():
                    folder.mkdir(parents=True)
            except (errors.VolumeError, OSError) as error:
                raise errors.ContainerConfigError(str(error)) from error
        mounts.append(messages.Mount(str(folder), mount["mountPath"], bool(mount.get("readOnly"))))
    return mounts


def temporary(
    folder: Path, mounts: Sequence[messages.Mount], owner: int | None
) -> list[messages.Mount]:
    """Without a mount namespace the machine's /tmp is closed: a folder, named by TMPDIR."""
    if any(mount.mount_path == "/tmp" for mount in mounts):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner, owner)
    return [messages.Mount(str(folder), "/tmp")]


def message_file(
    container: Obj, file: Path, mounts: Sequence[messages.Mount], owner: int | None
) -> list[messages.Mount]:
    """A file to leave a termination message in, for containers with a root of their own.

    None at a path inside a volume: what lies there is the pod's, and is not read from here.
    """
    path = container.get("terminationMessagePath") or DEFAULT_MESSAGE_PATH
    if any(path == m.mount_path or path.startswith(m.mount_path + "/") for m in mounts):
        return []
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    if owner is not None:
        os.chown(file, owner, owner)
    return [messages.Mount(str(file), path)]


def read_message(file: Path) -> str:
    """What a container left there, its end if that is too much; empty when it left nothing."""
    try:
        with file.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(0, size - MESSAGE_BYTES))
            return source.read(MESSAGE_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
