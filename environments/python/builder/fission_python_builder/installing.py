"""Runs uv or pip: their output is passed on line by line, and kept for advice when they fail."""

from __future__ import annotations

import collections
import contextlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping

from fission_python_builder import errors, hints, planning

KEPT_LINES = 400
"""Of a failed installer's output; a compiler's last words are within the last dozens."""


class Installer:
    """Installs into a folder for this interpreter, with one of the two tools."""

    def __init__(
        self,
        tool: str,
        source: pathlib.Path,
        target: pathlib.Path,
        wheels: pathlib.Path | None,
        scratch: pathlib.Path,
        env: Mapping[str, str],
    ) -> None:
        """``tool``: empty takes what is there; ``scratch``: a folder for files of a moment."""
        self._uv = "" if tool == "pip" else find_uv(env)
        if tool == "uv" and not self._uv:
            raise errors.BuildError("BUILD_TOOL is uv, but the builder has no uv: pip install uv")
        if not self._uv and importlib.util.find_spec("pip") is None:
            raise errors.BuildError(
                "the builder has neither uv nor pip: install the package python3-pip"
            )
        self._source = source
        self._target = target
        self._wheels = wheels
        self._scratch = scratch
        self._env = dict(env)

    @property
    def tool(self) -> str:
        return "uv" if self._uv else "pip"

    def install(self, plan: planning.Plan) -> None:
        """Install what the plan says; raises BuildError with advice."""
        if plan.file == planning.REQUIREMENTS:
            self._run("-r", planning.REQUIREMENTS)
        elif plan.file == planning.PYLOCK:
            self._run("-r", self._only_uv(planning.PYLOCK))
        elif plan.file == planning.UV_LOCK:
            self._run("-r", self._export())
            if plan.project:
                self._run("--no-deps", ".")
        elif plan.project:
            self._run(".")
        elif plan.dependencies and self._uv:
            self._run("-r", planning.PYPROJECT)
        elif plan.dependencies:
            listed = self._scratch / planning.REQUIREMENTS
            listed.write_text("\n".join(plan.dependencies) + "\n")
            self._run("-r", str(listed))

    def _export(self) -> str:
        """Turn uv.lock into requirements with hashes; returns the file."""
        exported = self._scratch / planning.REQUIREMENTS
        command = [
            self._only_uv(planning.UV_LOCK), "export", "--frozen", "--no-dev",
            "--no-emit-project", "--quiet", "--python", sys.executable, "-o", str(exported),
        ]  # fmt: skip
        self._call([self._uv, *command[1:]])
        return str(exported)

    def _only_uv(self, file: str) -> str:
        if not self._uv:
            raise errors.BuildError(
                f"{file} is read by uv only: leave BUILD_TOOL unset, or write requirements.txt"
            )
        return file

    def _run(self, *what: str) -> None:
        if self._uv:
            command = [
                self._uv, "pip", "install", "--python", sys.executable,
                "--target", str(self._target), "--link-mode", "copy",
            ]  # fmt: skip
        else:
            command = [
                sys.executable, "-I", "-u", "-m", "pip", "install",
                "--target", str(self._target), "--upgrade", "--no-compile", "--no-input",
                "--disable-pip-version-check", "--progress-bar", "off",
                "--no-warn-script-location", "--root-user-action", "ignore",
            ]  # fmt: skip
        if self._wheels:
            command += ["--no-index", "--find-links", str(self._wheels)]
        self._call([*command, *what])

    def _call(self, command: list[str]) -> None:
        kept: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        try:
            process = subprocess.Popen(
                command,
                cwd=self._source,
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise errors.BuildError(f"{command[0]} cannot be run: {error}") from error
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                print(line, end="", flush=True)
                kept.append(line)
        if kept and not kept[-1].endswith("\n"):
            print(flush=True)
        if process.returncode:
            python = ".".join(str(part) for part in sys.version_info[:2])
            advice = hints.find(kept, python, str(self._wheels or ""))
            ended = f"{self.tool} could not install the dependencies (exit {process.returncode})"
            raise errors.BuildError("\n  ".join([ended, *advice]))


def find_uv(env: Mapping[str, str]) -> str:
    """The program of the package ``uv`` beside this interpreter, or one on the path but ours."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        import uv

        return str(uv.find_uv_bin())
    shims = os.path.realpath(pathlib.Path(__file__).parents[1] / "bin")
    folders = [
        folder
        for folder in env.get("PATH", os.defpath).split(os.pathsep)
        if os.path.realpath(folder) != shims
    ]
    return shutil.which("uv", path=os.pathsep.join(folders)) or ""
