"""What is generated and checked in is what would be generated now."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "tool", ["generate_crds.py", "generate_cli_reference.py", "generate_settings.py"]
)
def test_generated_files_are_fresh(tool):
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / tool, "--check"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
