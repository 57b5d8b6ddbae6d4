"""The command as a process of its own: how it ends, and what a terminal sees."""

import os
import pty
import signal
import socket
import subprocess
import sys

import pytest

FISSION = [sys.executable, "-m", "fission.cli.main"]


@pytest.fixture
def env(tmp_path):
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}


def test_a_reader_that_goes_away_is_no_error(env):
    with subprocess.Popen(
        [*FISSION, "--help"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        assert child.stderr.read() == b""


def test_an_interrupt_is_quiet(env, tmp_path):
    script = tmp_path / "fission-wait"
    script.write_text("#!/bin/sh\necho ready\nexec sleep 60\n")
    script.chmod(0o755)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    with subprocess.Popen(
        [*FISSION, "wait"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == b"ready\n"
        os.killpg(child.pid, signal.SIGINT)
        assert child.stderr.read() == b""
        assert child.wait(10) == 130


def test_who_is_terminated_ends_in_order(env):
    with socket.create_server(("127.0.0.1", 0)) as never:
        url = f"http://127.0.0.1:{never.getsockname()[1]}"
        command = [*FISSION, "fn", "list", "--server", url]
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as child:
            asking, _ = never.accept()
            with asking:
                child.terminate()
                assert child.wait(10) == 143
            assert child.stderr is not None
            assert child.stderr.read() == b""


@pytest.mark.parametrize(
    ("more", "label"), [({}, b"\x1b[31mError\x1b[0m: "), ({"NO_COLOR": "1"}, b"Error: ")]
)
def test_errors_are_red_on_a_terminal(env, more, label):
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*FISSION, "nonsense"], env={**env, **more}, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
    finally:
        os.close(ours)

    assert done.returncode == 1
    assert b"\n" + label + b'unknown command "nonsense"' in said.replace(b"\r\n", b"\n")


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO where the other end of a terminal is closed
        return b""
