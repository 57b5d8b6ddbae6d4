"""The examples of Python: built by the builder's command, run by the runtime, without network."""

from __future__ import annotations

import contextlib
import http.client
import json
import pathlib
import socket
from collections.abc import Iterator

import pytest

from tests.integration.environments.python.conftest import Build, run_build
from tests.support import imageprocess

REPOSITORY = pathlib.Path(__file__).parents[4]
EXAMPLES = REPOSITORY / "examples" / "python"
WHEELS = REPOSITORY / ".venv" / "test-needs" / "wheels"
CACHE = WHEELS.with_name("uv-cache")
"""Kept, so that pandas is unpacked once."""
SECONDS = 30.0


def built(name: str, folder: pathlib.Path, *command: str) -> Build:
    """Build an example from wheels that `bin/test` has downloaded."""
    if not (WHEELS / ".complete").exists():
        pytest.skip(f"{WHEELS} is not there: need_python_wheels in bin/lib/test-needs.sh makes it")
    source = folder / name
    source.parent.mkdir(exist_ok=True)
    copy_tree(EXAMPLES / name, source)
    target = folder / "deployarchive"
    done = run_build(source, target, folder, WHEELS, *command, UV_CACHE_DIR=str(CACHE))
    assert done.code == 0, done.log
    return done


def copy_tree(source: pathlib.Path, target: pathlib.Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(path.stat().st_mode)


@contextlib.contextmanager
def running(volume: pathlib.Path, entry_point: str) -> Iterator[http.client.HTTPConnection]:
    """A runtime that has loaded the package below the volume."""
    image = imageprocess.prepare(REPOSITORY / "environments" / "python")
    log = volume / "log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as sink:
        address = listener.getsockname()
        process = imageprocess.start(image, [listener], {"/userfunc": volume}, sink)
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)
    try:
        load = {"filepath": "/userfunc/deployarchive", "functionName": entry_point}
        connection.request("POST", "/v2/specialize", json.dumps(load).encode())
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b""), log.read_text()
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait(SECONDS)


def call(
    connection: http.client.HTTPConnection, method: str, target: str, body: str = ""
) -> tuple[int, str]:
    connection.request(method, target, body.encode())
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_pandas_sums_a_table(tmp_path: pathlib.Path) -> None:
    built("pandas", tmp_path)
    with running(tmp_path, "main.main") as connection:
        status, text = call(connection, "POST", "/", "shop,sold\nnorth,3\nsouth,4\nnorth,5\n")
        assert (status, json.loads(text)) == (200, {"sold": {"north": 8, "south": 4}})
        assert call(connection, "POST", "/", "shop,sold\n")[0] == 400


def test_a_package_of_forty_modules_with_a_back_end_of_its_own(tmp_path: pathlib.Path) -> None:
    done = built("gazette", tmp_path)
    assert len([name for name in done.files if name.endswith(".py")]) > 40
    assert (done.target / "gazette" / "page.py").exists(), "installed, not only copied"
    with running(tmp_path, "gazette.page.main") as connection:
        status, text = call(connection, "POST", "/", "# Today & <now>\n\n|a|\n|-|\n|1|\n")
        assert status == 200
        assert "<title>Today &amp; &lt;now&gt;</title>" in text
        assert "<td>1</td>" in text


def test_a_build_script_of_ones_own(tmp_path: pathlib.Path) -> None:
    done = built("stations", tmp_path, "./build.sh")
    assert "places.py" in done.files
    with running(tmp_path, "main.main") as connection:
        status, text = call(connection, "GET", "/?code=BER")
        assert (status, json.loads(text)["name"]) == (200, "Berlin Hbf")
        assert call(connection, "GET", "/?code=XXX")[0] == 404
