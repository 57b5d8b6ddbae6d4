"""The tutorials do what they say: their blocks are run in order, as a reader would."""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Callable

from tests.e2e import platform as platforms
from tests.support import wheels

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorial"
PAGE = FOLDER / "first-function.md"
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


def test_what_was_built_and_triggered_is_updated_and_rolled_back(
    platform: platforms.Platform,
) -> None:
    source = pathlib.Path(platform.write("ten-minutes/sizes-app/sizes/start", "")).parent
    folder = source.parents[1]
    for each in (folder, *folder.rglob("")):
        each.chmod(0o777)
    sizes = "def naturalsize(value, binary=False):\n    return '2.9 MiB' if binary else '3.0 MB'\n"
    wheels.make(source / "wheels", "humanize", {"humanize/__init__.py": sizes}, version="4.9.0")
    blocks = BLOCK.findall((FOLDER / "ten-minutes.md").read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} == {"sh"}
    script = "".join(block for _, block in blocks)
    script = script.replace("http://127.0.0.1:8888", platform.router).replace(
        "--builder fission/python-builder",
        "--builder fission/python-builder --builder-env FISSION_WHEELS=wheels",
    )
    start = f'cd {folder}\nfission() {{ {sys.executable} -m fission.cli.main "$@"; }}\n'
    person = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    env = {f"GIT_{who}_{key}": person[key] for who in ("AUTHOR", "COMMITTER") for key in person}

    said = platform.run("bash", "-ec", start + script, env=env).stdout

    answers = [line for line in said.splitlines() if line in ("3.0 MB", "2.9 MiB")]
    assert answers == ["3.0 MB", "2.9 MiB", "2.9 MiB"]
    assert "Everything up to date." in said
    assert "(dry run - no changes made)" in said
    assert "exit code 1\n" in said
    assert "Deleted Function default/sizes\n" in said
