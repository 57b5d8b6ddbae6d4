"""First call of a Python function that nobody has called yet, on a warm pool, through the router.

What is timed and what it is compared with: `libcold`.
"""

from __future__ import annotations

import pathlib
from typing import Any

import libcold


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    return libcold.run(
        libcold.Case("python", "fission/python-env", "python", "cold.main", b"cold", make=_make)
    )


def _make(folder: pathlib.Path) -> pathlib.Path:
    code = folder / "cold.py"
    code.write_text("def main():\n    return 'cold'\n")
    return code
