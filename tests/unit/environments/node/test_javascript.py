"""The runtime's and the builder's own tests are in JavaScript, run by Node.js' test runner."""

import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
FILES = sorted(HERE.glob("*.test.js"))
DEADLINE_SECONDS = 60


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_javascript(file: pathlib.Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", file],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
