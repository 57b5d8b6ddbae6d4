"""Everything that the command prints: lines, warnings, errors, tables, documents, progress.

Results and warnings go to stdout, errors to stderr, as scripts that use Fission expect. Colours
appear on terminals only.
"""

import contextlib
import datetime
import json
import os
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from fission.base import clock
from fission.cli import suggest

if TYPE_CHECKING:
    from fission.cli import progress

NONE: Final = "<none>"
_READ_AS_OTHER: Final = re.compile(
    r"[yYnN]|[-+]?(0o[0-7_]+|(\.[0-9]+|[0-9_]+(\.[0-9_]*)?)([eE][-+]?[0-9_]+)?)"
)
"""Text that Kubernetes reads as a boolean or number, and the dumper would write without quotes."""
FORMATS: Final = ("wide", "json", "yaml", "name")
_INDENT: Final = "  "
_YELLOW, _RED, _RESET = "\x1b[33m", "\x1b[31m", "\x1b[0m"


class Printer:
    """Writes to the two streams of one run."""

    def __init__(self, stdout: IO[str], stderr: IO[str], env: Mapping[str, str]) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._colour = stdout.isatty() and "NO_COLOR" not in env
        self._error_colour = stderr.isatty() and "NO_COLOR" not in env
        self.verbosity = 1

    def line(self, text: str = "") -> None:
        """A line of the result."""
        self._stdout.write(f"{text}\n")

    def info(self, text: str) -> None:
        """That something was done; not said to who wants to hear of failures only."""
        if self.verbosity >= 1:
            self._stdout.write(f"{text}\n")

    def text(self, text: str) -> None:
        """Text of the result as it is, without a line feed of ours."""
        self._stdout.write(text)
        self._stdout.flush()

    def content(self, content: bytes) -> None:
        """Bytes of the result as they are."""
        buffer = getattr(self._stdout, "buffer", None)
        if buffer is None:
            self._stdout.write(content.decode("utf-8", "replace"))
            return
        self._stdout.flush()
        buffer.write(content)
        buffer.flush()

    def warning(self, text: str) -> None:
        """Something that the person should know; the command goes on."""
        if self.verbosity < 1:
            return
        label = f"{_YELLOW}Warning{_RESET}" if self._colour else "Warning"
        self._stdout.write(f"{label}: {text}\n")

    def debug(self, text: str) -> None:
        """A decision, shown with ``--verbosity 2``."""
        if self.verbosity >= 2:
            self._stdout.write(f"{text}\n")

    def note(self, text: str) -> None:
        """A remark beside the result, on stderr so that it does not mix with it."""
        self._stdout.flush()
        self._stderr.write(f"{text}\n")

    def error(self, what: str, usage: str = "", *, why: str = "", remedy: str = "") -> None:
        """What went wrong, below the command's usage; why, and what to do, below that."""
        self._stdout.flush()
        if usage:
            self._stderr.write(f"{usage}\n")
        label = f"{_RED}Error{_RESET}" if self._error_colour else "Error"
        self._stderr.write(f"{label}: {what}\n")
        for part in filter(None, (why, remedy)):
            self._stderr.write(f"{textwrap.indent(part, _INDENT)}\n")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Aligned columns, one space apart."""
        self._stdout.write(format_table(header, rows))

    def document(self, value: Any, output: str) -> None:
        """Objects as JSON, YAML or names; a list is a bare array."""
        self._stdout.write(format_document(value, output))

    def transfer(
        self, title: str, total_bytes: int
    ) -> contextlib.AbstractContextManager[Callable[[int], None]]:
        """Show bytes on their way; call what is entered with the bytes done so far."""
        from fission.cli import progress

        if self.verbosity < 1:
            return contextlib.nullcontext(lambda done: None)
        terminal = self._stderr if self._stderr.isatty() else None
        return progress.transfer(terminal, self.note, title, total_bytes)

    def spinner(self, text: str) -> "progress.Spinner":
        """Something that takes its time; printing meanwhile goes through ``log``."""
        from fission.cli import progress

        shown = (each for each in (self._stdout, self._stderr) if each.isatty())
        return progress.Spinner(next(shown, None) if self.verbosity else None, text)

    def log(self, lines: str, spinner: "progress.Spinner") -> None:
        """Whole lines of something that goes on, out at once."""
        if not self._stdout.isatty() or not spinner.print_above(lines.removesuffix("\n")):
            self.text(lines)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the results as they come."""
        return self._stdout.isatty()

    def flush(self) -> None:
        """Everything out; a reader that went away is not our failure."""
        for stream in (self._stdout, self._stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(text: str, width: int = 0) -> str:
    """Text for a cell: of a traceback its last line, which says what happened; cut to ``width``."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and any(line.startswith("Traceback ") for line in lines):
        lines = lines[-1:]
    whole = " ".join(lines)
    return whole if not width or len(whole) <= width else f"{whole[: width - 1]}…"


def check_format(output: str) -> None:
    """Refuse an output format that does not exist."""
    if output:
        suggest.check_choice("output format", output, FORMATS)


def format_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns as wide as their widest cell and a space; the last one is not padded."""
    lines = [[str(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[index]) for line in lines) + 1 for index in range(len(header) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        + line[-1]
        + "\n"
        for line in lines
    )


def format_document(value: Any, output: str) -> str:
    """JSON with two spaces, YAML, or a line ``<kind>/<name>`` for each object."""
    if output == "name":
        return "".join(f"{name_of(each)}\n" for each in _objects(value))
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, _represent_text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True)


def name_of(obj: Mapping[str, Any]) -> str:
    """An object as kubectl names it: ``function.fission.io/hello``, ``pod/a``."""
    group = str(obj.get("apiVersion") or "").rpartition("/")[0]
    kind = str(obj.get("kind") or "").lower()
    return f"{kind}{'.' if group else ''}{group}/{obj['metadata']['name']}"


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return value if isinstance(value, list) else (value,)


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else "'" if _READ_AS_OTHER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def format_age(timestamp: str | None, now: datetime.datetime) -> str:
    """Time since a moment, in Kubernetes' short form: ``45s``, ``5m``, ``3h``, ``2d``."""
    if not timestamp:
        return NONE
    try:
        seconds = int((now - clock.parse_rfc3339(timestamp)).total_seconds())
    except ValueError:
        return NONE
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    if seconds < 7200:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172_800 else f"{seconds // 86_400}d"


def format_bytes(count: int) -> str:
    """A size for a person: ``1.5 MiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
