"""First call of a Node.js function that nobody has called yet, on a warm pool, through the router.

What is timed and what it is compared with: `libcold`.
"""

from __future__ import annotations

import pathlib
from typing import Any

import libcold


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    return libcold.run(
        libcold.Case("node", "fission/node-env", "node", "cold", b"cold", make=_make)
    )


def _make(folder: pathlib.Path) -> pathlib.Path:
    code = folder / "cold.js"
    code.write_text("module.exports = async () => ({ status: 200, body: 'cold' });\n")
    return code
