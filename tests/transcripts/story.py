"""A story: what somebody types at a terminal, and the whole of what they see.

    # What it is about.
    # ways: kubernetes, controller

    $ cat > hello.py <<EOF
    def main():
        return "hello"
    EOF
    $ fission fn create --name hello --env python --code hello.py
    Package 'hello-<uid>' created
    function 'hello' created
    $ fission fn create --name hello --env python --code hello.py
    Error: a function with the same name already exists
    [exit 1]

``fission`` runs in this process, in the story's own folder and namespace; what is on stdout and
stderr is shown as it comes. It may read ``< file``, write ``> file`` and end in ``| command``.
``curl [-X method] [-H header] [-d body] URL`` is a small one of ours, other words are the shell's.
``$ eventually <command>`` is repeated until it says what is expected; ``$ export NAME=value`` holds
until the end of the story. ``$NAME`` is replaced by a variable (``$ROUTER``, ``$CONTROLLER``,
``$NAMESPACE``), ``<uid>`` and its like in a command by the value that they stood for last. A line
that starts with ``## `` is a remark.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from fission.cli import main
from tests.e2e import platform as platforms
from tests.transcripts import normal

PROMPT: Final = "$ "
REMARK: Final = "## "
EVENTUALLY_SECONDS: Final = 10.0


@dataclasses.dataclass
class Step:
    """One command and what it says."""

    remarks: list[str]
    """Lines before it that belong to no output."""
    command: list[str]
    """Its lines, with the text that it reads where it has one (``<<EOF``)."""
    output: str = ""
    code: int = 0

    @property
    def line(self) -> str:
        """The command as one line, without the text that it reads."""
        lines = self.command[: 1 if "<<" in self.command[0] else None]
        return " ".join(line.removesuffix("\\").strip() for line in lines)

    def text(self) -> str:
        """The step as it is written in a story."""
        said = "".join(
            f"\\{line}\n" if line.startswith((PROMPT, REMARK, "\\")) else f"{line}\n"
            for line in self.output.splitlines()
        )
        ended = f"[exit {self.code}]\n" if self.code else ""
        lines = "\n".join(self.command)
        return "".join(f"{line}\n" for line in self.remarks) + f"{PROMPT}{lines}\n{said}{ended}"


@dataclasses.dataclass
class Story:
    """Its steps, and what is written above them."""

    head: list[str]
    steps: list[Step]

    @property
    def ways(self) -> list[str]:
        """Ways in through which it is told."""
        for line in self.head:
            if line.startswith("# ways:"):
                return [way.strip() for way in line.removeprefix("# ways:").split(",")]
        return ["kubernetes"]

    def text(self) -> str:
        """The story as it is written."""
        return "".join(f"{line}\n" for line in self.head) + "".join(
            step.text() for step in self.steps
        )


def parse(text: str) -> Story:
    """Read a story."""
    story = Story([], [])
    remarks: list[str] = []
    lines = iter(text.splitlines())
    output: list[str] | None = None
    for line in lines:
        if line.startswith(PROMPT):
            command = [line.removeprefix(PROMPT)]
            heredoc = re.search(r"<<\s*'?(\w+)'?", line)
            while heredoc and command[-1] != heredoc[1]:
                command.append(next(lines))
            while not heredoc and command[-1].endswith("\\"):
                command.append(next(lines))
            _finish(story, output)
            story.steps.append(Step(remarks, command))
            remarks, output = [], []
        elif output is None:
            story.head.append(line)
        elif line.startswith(REMARK) or remarks:
            remarks.append(line)
        else:
            output.append(line.removeprefix("\\"))
    _finish(story, output)
    return story


def _finish(story: Story, output: list[str] | None) -> None:
    """Give the last step its output; blank lines before the next command belong to that one."""
    if output is None:
        return
    step = story.steps[-1]
    while output and not output[-1].strip():
        output.pop()
    ended = re.fullmatch(r"\[exit (\d+)\]", output[-1]) if output else None
    if ended:
        step.code = int(ended[1])
        output.pop()
    step.output = "\n".join(output)


class Teller:
    """Runs the steps of one story in its folder and namespace."""

    def __init__(
        self, folder: pathlib.Path, env: Mapping[str, str], names: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.env = dict(env)
        self.names = dict(names)
        namespace = names["NAMESPACE"]
        told = f"story-{namespace.partition('-')[2]}"
        literal = {str(folder): "<folder>", names["HOME"]: "<home>", namespace: told}
        self.normaliser = normal.Normaliser(literal)

    def told(self, step: Step) -> Step:
        """The step as it went this time."""
        eventually = step.line.startswith("eventually ")

        def attempt() -> Step:
            output, code = self._run(step, step.line.removeprefix("eventually "))
            return dataclasses.replace(step, output=self.normaliser.normal(output), code=code)

        outcome = attempt()
        if eventually and outcome != step:
            with contextlib.suppress(AssertionError):
                seconds = EVENTUALLY_SECONDS
                return platforms.eventually(attempt, lambda told: told == step, seconds)
            outcome = attempt()
        return outcome

    def _run(self, step: Step, line: str) -> tuple[str, int]:
        line = self._with_values(line)
        first = line.split()[0]
        if first == "fission":
            return self._fission(line)
        if first == "curl":
            return self._curl(shlex.split(line)[1:]), 0
        if first == "export":
            name, _, value = shlex.split(line)[1].partition("=")
            self.env[name] = value
            return "", 0
        script = "\n".join([line, *step.command[1:]]) if "<<" in line else line
        return self._shell(script)

    def _with_values(self, line: str) -> str:
        for name, value in self.normaliser.last.items():
            line = line.replace(f"<{name}>", value)
        variables = {**self.env, **self.names}
        return re.sub(r"\$([A-Z_]+)", lambda found: variables.get(found[1], found[0]), line)

    def _shell(self, script: str, stdin: str = "") -> tuple[str, int]:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.env,
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
        )
        return done.stdout, done.returncode

    def _fission(self, line: str) -> tuple[str, int]:
        words = shlex.split(line)[1:]
        ends = [at for at, word in enumerate(words) if word in ("|", "<", ">")]
        end = ends[0] if ends else len(words)
        words, operator, rest = words[:end], (words[end : end + 1] or [""])[0], words[end + 1 :]
        out, err = io.StringIO(), io.StringIO()
        stdin = (self.folder / rest[0]).read_bytes() if operator == "<" else b""
        kept, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
        try:
            code = main.run(
                words, self.env, out, err if operator in ("|", ">") else out, self.folder
            )
        finally:
            sys.stdin = kept
        if operator == ">":
            (self.folder / rest[0]).write_text(out.getvalue())
            return err.getvalue(), code
        if operator == "|":
            pipe = " ".join(word if word in ("|", "<", ">") else shlex.quote(word) for word in rest)
            output, code = self._shell(pipe, out.getvalue())
            return err.getvalue() + output, code
        return out.getvalue(), code

    def _curl(self, words: list[str]) -> str:
        method, body, headers, url = "", b"", {}, ""
        rest = iter(words)
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-d":
                body = next(rest).encode()
            elif word == "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            else:
                url = word
        return platforms.call(url, method or ("POST" if body else "GET"), body, headers).text
