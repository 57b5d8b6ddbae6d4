"""The runtime's own tests are in JavaScript, run by Node.js' test runner."""

import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
DEADLINE_SECONDS = 60


def test_what_is_written_in_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    files = sorted(HERE.glob("*.test.js"))
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", *files],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
