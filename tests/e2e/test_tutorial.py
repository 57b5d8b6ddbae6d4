"""The tutorial does what it says: its blocks are run in order, as a reader would."""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Callable

from tests.e2e import platform as platforms

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-function.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_step_of_the_tutorial_works(fresh: Callable[[], platforms.Platform]) -> None:
    platform = fresh()
    said = ""

    for language, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "python":
            (platform.home / "hello.py").write_text(block)
            continue
        script = block.replace("fission up -d", "fission up -d --ports auto")
        if "127.0.0.1:8888" in script:
            script = script.replace("http://127.0.0.1:8888", platform.router)
        command = f'fission() {{ {sys.executable} -m fission.cli.main "$@"; }}\n'
        said += platform.run("bash", "-ec", command + script).stdout

    assert "Hello, world!\n" in said
    assert "Hello, Ada!\n" in said
    assert "greeting Ada" in said
    assert "Good morning, Ada!\n" in said
