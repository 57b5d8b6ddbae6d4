"""What differs from run to run, replaced by what it is: ``<uid>``, ``<age>``, ``<time>``.

Columns keep their width where the value has one; output with a value of varying width has its
columns one space apart instead, as nobody could say how wide they would be. Of the usage above an
error only the first line is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

AGE_COLUMNS: Final = ("AGE", "LASTTRANSITION", "LAST_DELIVERY")

FIXED: Final = (
    ("uid", re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")),
    ("sha256", re.compile(r"\b[0-9a-f]{64}\b")),
)
"""Name of the placeholder, and what it stands for: always of one width."""

_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
VARYING: Final = (
    ("time", re.compile(r"(?<!\d)\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")),
    ("time", re.compile(rf"\b\d\d (?:{_MONTHS}) \d\d \d\d:\d\d [A-Z]{{3,4}}\b")),
    ("time", re.compile(rf"\b(?:{_DAYS}), \d\d? (?:{_MONTHS}) \d{{4}} \d\d:\d\d:\d\d \S+")),
    ("time", re.compile(r"(?<=fission-dump_)[\dT-]+Z")),
    ("ip", re.compile(r"\b127\.(?!0\.0\.1\b)\d+\.\d+\.\d+\b")),
    ("port", re.compile(r"(?<=\b127\.0\.0\.1:)\d+|(?<=\blocalhost:)\d+|(?<=<ip>:)\d+")),
    ("random", re.compile(r"(?<=[a-z0-9]-)(?=[a-z0-9]*\d)[a-f0-9]{8,10}-[a-z0-9]{5}\b")),
    ("version", re.compile(r"(?<=resourceVersion: ')\d+|(?<=\"resourceVersion\": \")\d+")),
    ("version", re.compile(r"(?<=resourceversion: ')\d+|(?<=\"resourceversion\": \")\d+")),
    ("ms", re.compile(r"\b\d+(?:\.\d+)?(?= ?ms\b)")),
    ("seconds", re.compile(r"\b\d+\.\d+(?= ?(?:s|seconds)\b)")),
)
"""The same for what is now shorter, now longer."""

_USAGE: Final = re.compile(
    r"^(Flags|Available Commands):\n.*\n(?=\nError: )", re.MULTILINE | re.DOTALL
)
"""The flags or commands that a failure repeats; ``--help`` shows them whole."""
_GLOBALS: Final = re.compile(r"^Global Flags:\n(?:  .*\n)+", re.MULTILINE)
"""The flags that every command has: ``fission --help`` shows them."""


class Normaliser:
    """Replaces, and remembers what was replaced last, for commands that need it."""

    def __init__(self, literal: Mapping[str, str]) -> None:
        """``literal``: text of this run → what it is called in stories."""
        self._literal = dict(literal)
        self.last: dict[str, str] = {}
        """Placeholder → the value it stood for last."""

    def normal(self, output: str) -> str:
        """The output as it is in a story."""
        for text in sorted(self._literal, key=len, reverse=True):
            output = output.replace(text, self._literal[text])
        for name, pattern in FIXED:
            output = pattern.sub(lambda found, name=name: self._replaced(name, found), output)
        output = _GLOBALS.sub("<global flags>\n", output)
        output = _USAGE.sub(lambda found: f"<{found[1].lower()}>\n", output)
        output = before = "\n".join(output.rstrip().splitlines())
        output = self._without_ages(output)
        for name, pattern in VARYING:
            output = pattern.sub(lambda found, name=name: self._replaced(name, found), output)
        if output != before:
            output = re.sub(r"(?<=\S) {2,}", " ", output)
        return "\n".join(line.rstrip() for line in output.splitlines())

    def _replaced(self, name: str, found: re.Match[str]) -> str:
        self.last[name] = found[0]
        return f"<{name}>"

    def _without_ages(self, output: str) -> str:
        """Ages in the columns that are named so, of every table in the output."""
        columns: list[int] = []
        lines = []
        for line in output.splitlines():
            header = line.replace("(s)", "")
            if set(AGE_COLUMNS) & set(header.split()) and header == header.upper():
                columns = [
                    found.start() for found in re.finditer(r"\S+", line) if found[0] in AGE_COLUMNS
                ]
                lines.append(line)
                continue
            if not line.strip():
                columns = []
            for column in reversed(columns):
                cell = re.compile(r"\d+[smhd]\b").match(line, column)
                if cell:
                    line = f"{line[: cell.start()]}<age>{line[cell.end() :]}"
            lines.append(line)
        return "\n".join(lines)
