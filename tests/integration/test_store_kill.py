"""The store's process dies by SIGKILL in the middle of writes: nothing acknowledged is lost."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "store_kill.py"


def test_no_acknowledged_write_is_lost():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "30", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["kills"] == 30
    assert figures["acknowledged_writes"] > 300
    assert figures["lives_that_found_unacknowledged_rows"] > 0, "no kill ever hit a commit"
