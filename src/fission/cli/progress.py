"""What moves on a terminal while something takes its time: a bar for bytes, a spinner for a build.

Elsewhere bytes are told in plain lines, and only where there are many; a spinner is nothing. Rich
is imported on terminals only: it costs more than most commands.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

SILENT_BYTES: Final = 16 * 1024 * 1024
"""Smaller transfers are over before a line about them is read."""
_LINES: Final = 4
_REFRESHES_PER_SECOND: Final = 8


@contextlib.contextmanager
def transfer(
    terminal: IO[str] | None, say: Callable[[str], None], title: str, total_bytes: int
) -> Iterator[Callable[[int], None]]:
    """Show a transfer; what is yielded is called with the bytes done so far."""
    if terminal is None:
        yield _lines(say, title, total_bytes)
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(compact=True),
    )
    with progress.Progress(*columns, console=_console(terminal), transient=True) as bars:
        task = bars.add_task(title, total=total_bytes)
        yield lambda done: bars.update(task, completed=done)


def _lines(say: Callable[[str], None], title: str, total_bytes: int) -> Callable[[int], None]:
    from fission.cli import output

    if total_bytes < SILENT_BYTES:
        return lambda done: None
    said = -1

    def show(done: int) -> None:
        nonlocal said
        share = done * _LINES // total_bytes
        if share > said:
            said = share
            percent = 100 * share // _LINES
            say(f"{title}: {percent} % of {output.format_bytes(total_bytes)}")

    show(0)
    return show


class Spinner:
    """A line at the bottom of a terminal that says what is waited for, and since when."""

    def __init__(self, terminal: IO[str] | None, text: str) -> None:
        self._terminal = terminal
        self._text = text
        self._bars: Any = None
        self._task: Any = None

    def __enter__(self) -> "Spinner":
        if self._terminal is not None:
            from rich import progress

            self._bars = progress.Progress(
                progress.SpinnerColumn(),
                progress.TextColumn("{task.description}", markup=False),
                progress.TimeElapsedColumn(),
                console=_console(self._terminal),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                refresh_per_second=_REFRESHES_PER_SECOND,
            )
            self._task = self._bars.add_task(self._text, total=None)
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def say(self, text: str) -> None:
        """Wait for something else."""
        if self._bars is not None and text != self._text:
            self._text = text
            self._bars.update(self._task, description=text)

    def print_above(self, lines: str) -> bool:
        """Print whole lines above the spinner; False where there is none."""
        if self._bars is None:
            return False
        from rich import text

        self._bars.console.print(
            text.Text.from_ansi(lines), no_wrap=True, overflow="ignore", crop=False, soft_wrap=True
        )
        return True


def _console(terminal: IO[str]) -> Any:
    from rich import console

    return console.Console(file=terminal, highlight=False)
