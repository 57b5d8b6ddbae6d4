"""Whether clients hold websockets to the pod's runtime: its own word, kept over a restart.

The executor asks before it gives an idle pod back. The file lies out of the function's reach; a pod
whose runtime died without a word is replaced anyway.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Final

FILE: Final = "websockets"


class Websockets:
    """One pod's."""

    def __init__(self, folder: pathlib.Path | None) -> None:
        self._file = folder / FILE if folder is not None else None
        self.are_open = self._file is not None and self._file.exists()

    def note(self, *, is_open: bool) -> None:
        """The first client came, or the last is gone."""
        self.are_open = is_open
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk costs the memory of it, not the word
            if is_open:
                self._file.touch(mode=0o600)
            else:
                self._file.unlink(missing_ok=True)
