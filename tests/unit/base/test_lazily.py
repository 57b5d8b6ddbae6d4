import subprocess
import sys

import pytest

from fission.base import lazily

PROGRAM = """
import sys
from fission.base import lazily
made = lazily.module("fission.contracts.storage")
print("msgspec" in sys.modules)
print(made.ARCHIVE, "msgspec" in sys.modules)
from fission.contracts import storage
print(storage is made, lazily.module("fission.contracts.storage") is made)
"""


def test_a_module_is_run_at_its_first_use():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("False\n/v1/archive True\nTrue True\n", "")


def test_one_that_is_not_there_is_missed_at_once():
    with pytest.raises(ModuleNotFoundError, match=r"fission\.base\.nothing"):
        lazily.module("fission.base.nothing")
