"""Python packages for scenarios: forty modules of ordinary code, and the builder's own command.

Not a scenario: shared by those that measure builds and what builds are good for.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

BUILDER = pathlib.Path(__file__).parents[1] / "environments" / "python" / "builder"
MODULES = 40
ANSWER = b"39"

_MAIN = """import time

started = time.perf_counter()
import shop

taken = (time.perf_counter() - started) * 1000

from flask import request


def main():
    if "import" in request.args:
        return str(taken)
    return str(sum("part" in name for name in dir(shop)))
"""
"""Asked with `?import`, it says how many milliseconds the import took."""

_FUNCTION = '''
def step_{n}(values, factor={n}, *, label="step {n}", strict=False):
    """Return the values that count, scaled; a step of many."""
    found = {{}}
    for index, value in enumerate(values):
        if strict and not isinstance(value, (int, float)):
            raise ValueError(f"{{label}}: {{value!r}} at {{index}} is not a number")
        try:
            found.setdefault(value % (factor + 1), []).append((index, value * factor))
        except TypeError:
            continue
    return [scaled for key in sorted(found) for _, scaled in found[key] if scaled >= 0]


class Stage{n}:
    """A stage with a few methods, as classes of a library have."""

    limit = {n} * 7

    def __init__(self, name, options=None, **more):
        self.name = name
        self.options = dict(options or {{}}, **more)

    def __repr__(self):
        return f"<{{type(self).__name__}} {{self.name}} {{sorted(self.options)}}>"

    def run(self, values):
        chosen = [value for value in values if value is not None][: self.limit]
        with_label = {{"name": self.name, "label": self.options.get("label", "none")}}
        return step_{n}(chosen, label="{{name}}/{{label}}".format(**with_label))
'''


def write(folder: pathlib.Path) -> pathlib.Path:
    """Write a function `main.main` and a package of forty modules that it imports."""
    package = folder / "shop"
    package.mkdir(parents=True)
    names = [f"part_{number:02}" for number in range(MODULES - 1)]
    for name in names:
        body = "".join(_FUNCTION.format(n=number) for number in range(10))
        text = f'"""Module {name}."""\n\nimport collections\nimport functools\nimport re\n{body}'
        (package / f"{name}.py").write_text(text)
    (package / "__init__.py").write_text("".join(f"from shop import {name}\n" for name in names))
    (folder / "main.py").write_text(_MAIN)
    return folder


def build(source: pathlib.Path, target: pathlib.Path, cache: pathlib.Path) -> None:
    """Run the builder's command by itself, without a platform."""
    env = {
        **os.environ,
        "SRC_PKG": str(source),
        "DEPLOY_PKG": str(target),
        "FISSION_PYTHON": sys.executable,
        "UV_CACHE_DIR": str(cache / "uv"),
        "PIP_CACHE_DIR": str(cache / "pip"),
    }
    command = [str(BUILDER / "bin" / "build")]
    done = subprocess.run(command, env=env, cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the build failed: {done.stdout}{done.stderr}")
