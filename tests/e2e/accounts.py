"""Under which account a platform runs: who calls the tests, an ordinary user, one without user
namespaces.

When root runs the tests, an ordinary user is made of the account ``nobody`` in a mount namespace of
its own, in which folders that only root may enter (an interpreter below ``/root``) can be entered.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

NOBODY = 65534
REPOSITORY = pathlib.Path(__file__).parents[2]


@dataclass(frozen=True)
class Account:
    """A way to start the platform's commands."""

    name: str
    uid: int
    user_namespaces: bool = True

    def command(self, words: list[str]) -> list[str]:
        """Return the words that run a command under this account."""
        if not self.user_namespaces:
            words = [sys.executable, "-m", "tests.e2e.without_user_namespaces", *words]
        if self.uid == os.geteuid():
            return words
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-ec",
            _open(),
            "x",
            *words,
        ]

    def missing(self) -> str | None:
        """Return why this account cannot be used here, or None."""
        if self.uid == os.geteuid():
            return None
        if os.geteuid() != 0:
            return "only root can start programs as another user"
        for tool in ("unshare", "setpriv"):
            if shutil.which(tool) is None:
                return f"{tool} is not installed (package util-linux)"
        probe = subprocess.run(
            self.command([sys.executable, "-c", "import fission"]),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
        )
        if probe.returncode:
            return f"an ordinary user cannot run this interpreter: {probe.stderr.strip()[-200:]}"
        return None

    def make_home(self) -> pathlib.Path:
        """Return a fresh, short folder that belongs to the account."""
        home = pathlib.Path(tempfile.mkdtemp(prefix="fission-e2e-"))
        if self.uid != os.geteuid():
            os.chown(home, self.uid, self.uid)
        return home


def everyone() -> list[Account]:
    """Return the accounts to test: the caller's, and ordinary users when the caller is root."""
    own = os.geteuid()
    ordinary = own or NOBODY
    accounts = [Account("root", 0)] if own == 0 else []
    return [
        *accounts,
        Account("user", ordinary),
        Account("user-without-namespaces", ordinary, user_namespaces=False),
    ]


def _open() -> str:
    """Return a script that makes the closed parents of what is needed passable, then drops root."""
    closed: dict[pathlib.Path, list[pathlib.Path]] = {}
    for needed in {pathlib.Path(sys.base_prefix).resolve(), REPOSITORY}:
        for parent in reversed(needed.parents):
            if not parent.stat().st_mode & 0o001:
                closed.setdefault(parent, []).append(needed)
                break
    lines = []
    for number, (parent, needed) in enumerate(closed.items()):
        keep = f"/mnt/.keep{number}"
        lines.append("mount -t tmpfs -o mode=755 tmpfs /mnt")
        for index, path in enumerate(needed):
            lines.append(f"mkdir -p {keep}-{index} && mount --bind {path} {keep}-{index}")
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {parent}")
        for index, path in enumerate(needed):
            lines.append(f"mkdir -p {path} && mount --move {keep}-{index} {path}")
    drop = f"exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --no-new-privs"
    return "\n".join([*lines, f'{drop} "$@"'])
