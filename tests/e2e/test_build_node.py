"""A Node.js package with dependencies becomes a running function.

The packages travel with the source, so that nothing here needs a network.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import urllib.parse

import pytest

from tests.e2e import platform as platforms
from tests.support import tarballs, wsclient

pytestmark = pytest.mark.e2e

MANIFEST = {"name": "sum", "main": "sum.js", "dependencies": {"adder": "1.0.0"}}
SUM = """
const { execFileSync } = require('node:child_process');
const v8 = require('node:v8');
const { add } = require('adder');

exports.main = async ({ request, realPath }) => ({ status: 200, body: {
  sum: add(Number(request.query.a)),
  program: execFileSync(`${__dirname}/node_modules/.bin/add`, { encoding: 'utf8' }),
  code: __dirname.startsWith(realPath('/userfunc')),
  heap: v8.getHeapStatistics().heap_size_limit >> 20,
} });
exports.fail = async () => {
  setImmediate(() => { throw new Error('sample failure'); });
  await new Promise(() => {});
};
exports.chat = (socket) => socket.on('message', (data) => socket.send(`heard ${data}`));
"""


@pytest.fixture(scope="module")
def built(platform: platforms.Platform) -> platforms.Platform:
    """The shared platform with a function `sum` that was built from source."""
    return make(platform)


def make(platform: platforms.Platform) -> platforms.Platform:
    """Create the environment and the function `sum`; skips where a tool is missing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install nodejs npm")
    platform.fission(
        *("env", "create", "--name", "node", "--image", "fission/node-env", "--poolsize", "1"),
        *("--builder", "fission/node-builder", "--builder-env", "FISSION_WHEELS=vendored"),
        *("--maxmemory", "256"),
    )
    shown = create(platform, "sum", write_source(platform), "sum.main")
    assert "build: npm ci --omit=dev --offline" in shown
    return platform


def write_source(platform: platforms.Platform) -> str:
    shelf = tarballs.Shelf(platform.home / "work" / "sum" / "vendored")
    platform.write("sum/sum.js", SUM)
    platform.write("sum/package.json", json.dumps(MANIFEST))
    shelf.add(
        "adder",
        {
            "index.js": "exports.add = (a) => a + 1;\n",
            "bin.js": "#!/usr/bin/env node\nconsole.log(require('.').add(41));\n",
        },
        bin={"add": "bin.js"},
    )
    platform.write("sum/package-lock.json", shelf.lock(MANIFEST))
    shelf.folder.chmod(0o755)
    for tarball in shelf.folder.iterdir():
        tarball.chmod(0o644)
    return str(shelf.folder.parent)


def create(platform: platforms.Platform, name: str, source: str, entry_point: str) -> str:
    """Create a function from source with a route; returns what the command shows."""
    given = ("--env", "node", "--src", source, "--entrypoint", entry_point)
    shown = platform.fission("fn", "create", "--name", name, *given).stdout
    platform.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
    return shown


def test_a_package_is_built_and_runs_under_any_account(any_platform: platforms.Platform) -> None:
    answer = json.loads(make(any_platform).wait_call("/sum?a=1").text)
    assert (answer["sum"], answer["program"], answer["code"]) == (2, "42\n", True)
    assert answer["heap"] < 256, "the size of the heap follows the container's memory"


def test_an_error_outside_of_a_call_is_answered_and_the_function_goes_on(
    built: platforms.Platform,
) -> None:
    create(built, "fail", str(built.home / "work" / "sum"), "sum.fail")
    failed = built.wait_call("/fail", lambda answer: answer.status == 500)
    assert failed.text == "Internal Server Error\n"
    built.wait_call("/fail", lambda answer: answer.text == failed.text)


def test_a_websocket_through_the_router(built: platforms.Platform) -> None:
    create(built, "chat", str(built.home / "work" / "sum"), "sum.chat")
    built.wait_call("/chat", lambda answer: answer.status != 404)
    address = urllib.parse.urlsplit(built.router)
    assert address.hostname
    assert address.port
    client = wsclient.Client((address.hostname, address.port), "/chat")
    with contextlib.closing(client):
        client.send(wsclient.TEXT, b"me")
        assert client.receive() == (wsclient.TEXT, b"heard me")
