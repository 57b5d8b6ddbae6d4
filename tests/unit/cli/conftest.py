import pytest

from tests.support import commandline


@pytest.fixture
def fission(tmp_path):
    """The command in an empty folder, with no platform anywhere."""
    return commandline.CommandLine(tmp_path).run_plain
