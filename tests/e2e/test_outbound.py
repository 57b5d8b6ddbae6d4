"""What an Environment's ``fission.io/outbound`` allows is what its functions can reach."""

from __future__ import annotations

import pytest

from tests.e2e import platform as platforms

CALL_OUT = """
import errno, socket

def main():
    try:
        socket.create_connection(("192.0.2.1", 81), timeout=0.2).close()
    except TimeoutError:
        return "let out"
    except OSError as error:
        return errno.errorcode[error.errno]
    return "let out"
"""


@pytest.mark.parametrize(("allowed", "answer"), [("none", "ENETUNREACH"), ("ports:443", "EACCES")])
def test_a_function_reaches_no_more_than_its_environment_says(
    platform: platforms.Platform, allowed: str, answer: str
) -> None:
    mode = platform.fission("status").stdout
    if "isolation: full" not in mode:
        pytest.skip(f"needs full isolation to tell the errors apart; this machine has: {mode}")
    name = "out-" + allowed.partition(":")[0]
    code = platform.write(f"{name}.py", CALL_OUT)
    annotation = f"fission.io/outbound={allowed}"
    platform.fission(
        *("env", "create", "--name", name, "--image", "fission/python-env"),
        *("--poolsize", "1", "--annotation", annotation),
    )
    platform.fission("fn", "create", "--name", name, "--env", name, "--code", code)

    assert platform.fission("fn", "test", "--name", name).stdout == answer
