"""Makes small wheels, so that builds need no network."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Mapping


def make(
    folder: pathlib.Path,
    name: str,
    files: Mapping[str, str],
    *,
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    requires_python: str = ">=3.8",
) -> None:
    """Write ``name-version-py3-none-any.whl`` into the folder."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        f"Requires-Python: {requires_python}",
        *(f"Requires-Dist: {required}" for required in requires),
    ]
    content = {
        **files,
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**content, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)
