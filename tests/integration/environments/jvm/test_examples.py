"""The example without a build file: built by the build command, run by the runtime."""

from __future__ import annotations

import contextlib
import http.client
import json
import pathlib
import shutil
import socket

from fission.cluster.kubelet import images
from tests.integration.environments.jvm.conftest import BUILDER, run_build
from tests.support import imageprocess

EXAMPLES = pathlib.Path(__file__).parents[4] / "examples" / "jvm"
DEADLINE_SECONDS = 20.0


def test_a_class_without_a_build_file(tmp_path: pathlib.Path, modules: pathlib.Path) -> None:
    source = tmp_path / "hello"
    shutil.copytree(EXAMPLES / "hello", source)
    built = run_build(source, tmp_path, modules)
    assert built.code == 0, built.log
    image = imageprocess.prepare(BUILDER.parent)
    assert call(image, built.target, tmp_path, "Hello", "/?name=Ada&name=Grace") == (
        "Hello, Ada and Grace!\n"
    )


def call(
    image: images.Image, jar: pathlib.Path, volume: pathlib.Path, entry_point: str, path: str
) -> str:
    """Load a package into a runtime of its own and call it once."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (volume / "log").open("wb") as log:
        address = listener.getsockname()
        process = imageprocess.start(image, [listener], {"/userfunc": volume}, log)
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE_SECONDS)
    try:
        with contextlib.closing(connection):
            load = {"filepath": f"/userfunc/{jar.name}", "functionName": entry_point}
            connection.request("POST", "/v2/specialize", json.dumps(load))
            answer = connection.getresponse()
            said = answer.read().decode()
            assert answer.status == 200, said
            connection.request("GET", path)
            return connection.getresponse().read().decode()
    finally:
        process.terminate()
        process.wait()
