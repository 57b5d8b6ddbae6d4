"""Plugins: executables called ``fission-<name>`` on ``PATH``, run as ``fission <name> …``.

A plugin is asked about itself with ``--plugin`` as its only argument; it answers with JSON of
``name``, ``version``, ``aliases`` and ``usage``. One that does not is run all the same. Commands of
fission win over plugins of their name, and the first on ``PATH`` over later ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fission.cli import context

PREFIX: Final = "fission-"
QUESTION: Final = "--plugin"
ANSWER_SECONDS: Final = 5.0
"""How long a plugin may think about what it is."""
_NOT_EXECUTABLE: Final = 126


@dataclass(frozen=True)
class Plugin:
    """One executable, and what it says of itself."""

    name: str
    path: str
    version: str = ""
    aliases: tuple[str, ...] = ()
    usage: str = ""


def paths(env: Mapping[str, str]) -> dict[str, str]:
    """Name to executable of every plugin."""
    found: dict[str, str] = {}
    for folder in env.get("PATH", "").split(os.pathsep):
        try:
            with os.scandir(folder or ".") as entries:
                names = sorted(each.name for each in entries if each.name.startswith(PREFIX))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if name != PREFIX and os.path.isfile(path) and os.access(path, os.X_OK):
                found.setdefault(name.removeprefix(PREFIX), path)
    return found


def described(env: Mapping[str, str], own: frozenset[str] = frozenset()) -> list[Plugin]:
    """Every plugin that can be run, by name; all are asked at once. ``own`` words are taken."""
    deadline = time.monotonic() + ANSWER_SECONDS
    asked = [(name, path, _ask(path, env)) for name, path in paths(env).items() if name not in own]
    return sorted(
        (_described(name, path, child, deadline, own) for name, path, child in asked),
        key=lambda plugin: plugin.name,
    )


def find(word: str, env: Mapping[str, str], own: frozenset[str]) -> Plugin | None:
    """The plugin of that name or alias."""
    path = paths(env).get(word)
    if path:
        return Plugin(word, path)
    return next((each for each in described(env, own) if word in each.aliases), None)


def run(session: context.Session, plugin: Plugin, arguments: Sequence[str]) -> int:
    """Run a plugin on our terminal until it ends; its exit code.

    What was said before its name, it finds in the environment.
    """
    session.out.flush()
    said = {
        "FISSION_DEFAULT_NAMESPACE": session.given_namespace,
        "FISSION_URL": session.server,
    }
    env = {**session.env, **{name: value for name, value in said.items() if value}}
    try:
        child = subprocess.Popen([plugin.path, *arguments], env=env, cwd=session.cwd)
    except OSError as error:
        session.out.error(
            f"plugin {plugin.path} cannot be run: {error.strerror}",
            remedy="it must be a program, or a script whose first line names its interpreter",
        )
        return _NOT_EXECUTABLE
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the plugin as well, which ends in its own way
        return code if code >= 0 else 128 - code


def _ask(path: str, env: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            [path, QUESTION],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None


def _described(
    name: str,
    path: str,
    child: subprocess.Popen[bytes] | None,
    deadline: float,
    own: frozenset[str],
) -> Plugin:
    said = _answer(child, deadline) if child else {}
    aliases = said.get("aliases")
    return Plugin(
        name,
        path,
        str(said.get("version") or ""),
        tuple(str(each) for each in aliases if each not in own)
        if isinstance(aliases, list)
        else (),
        " ".join(str(said.get("usage") or "").split()),
    )


def _answer(child: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
    try:
        output, _ = child.communicate(timeout=max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.communicate()
        return {}
    try:
        said = json.loads(output) if child.returncode == 0 else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
