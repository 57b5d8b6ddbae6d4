"""A Node.js package with dependencies that travel with its source, and an environment for it."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.e2e import platform as platforms
from tests.support import tarballs

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


def make(platform: platforms.Platform) -> platforms.Platform:
    """Create the environment and the function `sum`; skips where a tool is missing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install nodejs npm")
    platform.fission(
        *("env", "create", "--name", "npm", "--image", "fission/node-env", "--poolsize", "1"),
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
    given = ("--env", "npm", "--src", source, "--entrypoint", entry_point)
    shown = platform.fission("fn", "create", "--name", name, *given).stdout
    platform.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
    return shown
