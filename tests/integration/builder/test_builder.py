"""A builder over HTTP: real commands, real process trees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.builder import app, config, processes
from fission.contracts import builder as wire
from fission.contracts import signing
from fission.web import listen
from fission_http import client as http_client
from tests.support import waiting as waits

KEY = bytes(range(32))
COPY = '#!/bin/sh\necho copying\ncp -r "$SRC_PKG" "$DEPLOY_PKG"\n'


@dataclass
class Here:
    """A running builder and its directory."""

    http: http_client.Client
    url: str
    packages: pathlib.Path
    keys: signing.Keys

    def put(self, name: str, **scripts: str) -> None:
        """A source with scripts in it, executable as a zip with modes would leave them."""
        (self.packages / name).mkdir()
        for script, text in scripts.items():
            path = self.packages / name / f"{script}.sh"
            path.write_text(text)
            path.chmod(0o755)

    async def call(
        self, method: str, target: str, body: bytes = b"", accept: str = "*/*"
    ) -> http_client.ClientResponse:
        headers = [("Accept", accept)]
        if self.keys.current:
            now = clocks.SystemClock().now().timestamp()
            headers += signing.headers(self.keys.current, method, target, body, now)
        return await self.http.request(
            method, self.url + target, headers, body, timeout_seconds=20.0
        )

    async def build(self, name: str, command: str) -> tuple[int, wire.BuildResponse]:
        body = wire.encode(wire.BuildRequest(source_filename=name, command=command))
        response = await self.call("POST", "/", body)
        return response.status, wire.decode_response(await response.read())

    async def stream(self, name: str, command: str) -> http_client.ClientResponse:
        body = wire.encode(wire.BuildRequest(source_filename=name, command=command))
        return await self.call("POST", "/", body, wire.STREAM_TYPE)

    def names(self) -> list[str]:
        """What lies in the directory besides the builder's mark."""
        return sorted(set(os.listdir(self.packages)) - {".fission-builder"})


@contextlib.asynccontextmanager
async def builder(
    tmp_path: pathlib.Path, env: dict[str, str] | None = None, *, signed: bool = False, **more: Any
) -> AsyncIterator[Here]:
    packages = tmp_path / "packages"
    packages.mkdir(exist_ok=True)
    around = {"PATH": os.environ["PATH"], "FISSION_BUILDER_KEY_OLD": "00" * 32} | (env or {})
    if signed:
        around["FISSION_BUILDER_KEY"] = KEY.hex()
    settings = config.Config(packages_dir=str(packages), **more)
    deps = app.Deps(
        around,
        clocks.SystemClock(),
        processes.Reaper(owns_process=False),
        default_program=str(tmp_path / "image" / "build"),
    )
    opened = listen.bind("127.0.0.1", 0)
    host, port = opened.getsockname()
    built = app.make(settings, deps)
    running = asyncio.ensure_future(built.run([opened]))
    async with http_client.Client() as http:
        keys = signing.Keys(KEY) if signed else signing.Keys()
        here = Here(http, f"http://{host}:{port}", packages, keys)
        try:
            assert (await here.call("GET", "/healthz")).status == 200
            yield here
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def lines_of(response: http_client.ClientResponse) -> tuple[str, wire.BuildOutcome]:
    log = ""
    for line in (await response.read()).splitlines():
        found = wire.decode_line(line)
        if isinstance(found, wire.BuildOutcome):
            return log, found
        log += found
    raise AssertionError("the stream has no outcome")


async def test_a_build_makes_an_artifact_and_tells_its_log(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path) as here:
        here.put("hello-abcdef", build=COPY)
        code, answer = await here.build("hello-abcdef", "./build.sh")
        assert (code, answer.build_logs) == (200, "copying\n")
        artifact = here.packages / answer.artifact_filename
        assert answer.artifact_filename.startswith("hello-abcdef-")
        assert (artifact / "build.sh").read_text() == COPY
        assert here.names() == ["hello-abcdef", answer.artifact_filename]

        response = await here.call("DELETE", wire.clean_target("hello-abcdef"))
        assert response.status == 200
        assert here.names() == []


async def test_a_log_is_told_while_the_build_runs(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path) as here:
        go_on = tmp_path / "go-on"
        script = f"#!/bin/sh\necho first; until [ -e {go_on} ]; do sleep 0.05; done\n{COPY}"
        here.put("hello-abcdef", build=script)
        async with await here.stream("hello-abcdef", "./build.sh") as response:
            assert response.headers.get("content-type") == wire.STREAM_TYPE
            chunks = response.iter_bytes()
            assert wire.decode_line(await anext(chunks)) == "first\n"
            go_on.touch()
            rest = b"".join([chunk async for chunk in chunks]).splitlines()
        outcome = wire.decode_line(rest[-1])
        assert isinstance(outcome, wire.BuildOutcome)
        assert (outcome.code, outcome.error) == (200, "")
        assert outcome.build_logs == "first\ncopying\n"
        assert (here.packages / outcome.artifact_filename / "build.sh").exists()


async def test_a_failed_build_tells_its_log_and_leaves_no_artifact(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path) as here:
        here.put(
            "hello-abcdef",
            fail='#!/bin/sh\nmkdir "$DEPLOY_PKG"; echo broken >&2; exit 3\n',
            nothing="#!/bin/sh\nexit 0\n",
            empty='#!/bin/sh\nmkdir "$DEPLOY_PKG"\n',
            link='#!/bin/sh\nln -s / "$DEPLOY_PKG"\n',
            killed="#!/bin/sh\nkill -9 $$\n",
        )
        for command, said in (
            ("./fail.sh", "broken\nbuild command './fail.sh' failed with exit code 3\n"),
            ("./nothing.sh", "made nothing at $DEPLOY_PKG"),
            ("./empty.sh", "left the folder $DEPLOY_PKG empty"),
            ("./link.sh", "$DEPLOY_PKG must be a folder or a file"),
            ("./killed.sh", "was ended by SIGKILL; memory may have run out"),
            (
                "./none.sh",
                "'./none.sh' does not exist in the package; at its top there is empty.sh",
            ),
            ("no-such-tool", "'no-such-tool' is not on PATH"),
            ("build", "the builder image has no build command"),
        ):
            code, answer = await here.build("hello-abcdef", command)
            assert (code, answer.artifact_filename) == (500, "")
            assert said in answer.build_logs
        assert here.names() == ["hello-abcdef"]


async def test_the_images_own_command_is_the_default(tmp_path: pathlib.Path) -> None:
    (tmp_path / "image").mkdir()
    program = tmp_path / "image" / "build"
    program.write_text("#!/bin/sh\necho image $1; cp -r $SRC_PKG $DEPLOY_PKG\n")
    program.chmod(0o755)
    async with builder(tmp_path) as here:
        here.put("hello-abcdef")
        (here.packages / "hello-abcdef" / "main.py").write_text("x = 1\n")
        for command, said in (("", "image"), ("/build", "image"), ("build -v", "image -v")):
            code, answer = await here.build("hello-abcdef", command)
            assert (code, answer.build_logs.strip()) == (200, said)
        # A source may be one file; then the command runs beside it.
        (here.packages / "single-abcdef").write_text("x = 1\n")
        code, answer = await here.build("single-abcdef", "")
        assert (here.packages / answer.artifact_filename).is_file()


async def test_a_build_sees_what_it_needs_and_no_key(tmp_path: pathlib.Path) -> None:
    cache = tmp_path / "downloads"
    cache.mkdir()
    env = {
        "POD_VOLUME_PATHS": f'{{"/cache": "{cache}"}}',
        "LISTEN_FDS": "0",
        "COLOUR": "green",
    }
    async with builder(tmp_path, env, signed=True, cache_variables="PIP_CACHE_DIR=pip") as here:
        script = '#!/bin/sh\nenv\ncat /proc/self/environ | tr "\\0" "\\n"\npwd\n' + COPY
        here.put("hello-abcdef", build=script)
        (here.packages / "hello-abcdef" / "build.sh").chmod(0o644)  # as some zips leave it
        code, answer = await here.build("hello-abcdef", "./build.sh")
        assert code == 200, answer.build_logs
        lines = answer.build_logs.splitlines()
        source = here.packages / "hello-abcdef"
        for line in (
            "COLOUR=green",
            f"SRC_PKG={source}",
            f"DEPLOY_PKG={here.packages / answer.artifact_filename}",
            f"BUILD_CACHE={cache}",
            f"PIP_CACHE_DIR={cache}/pip",
            "SOURCE_DATE_EPOCH=315532800",
            f"FISSION_PYTHON={sys.executable}",
            str(source),
        ):
            assert line in lines
        assert "FISSION_BUILDER_KEY" not in answer.build_logs
        assert "LISTEN_FDS" not in answer.build_logs
        assert KEY.hex() not in answer.build_logs
        home = next(line for line in lines if line.startswith("HOME="))
        assert pathlib.PurePath(home.removeprefix("HOME=")).parent.name not in here.names()


STRAYS = """#!/bin/sh
sleep 60 & echo $! >> {pids}
setsid sleep 60 & echo $! >> {pids}
(setsid sh -c 'sleep 60 & echo $! >> {pids}; exec sleep 60' &)
echo $$ >> {pids}
while [ $(wc -l < {pids}) -lt 4 ]; do sleep 0.02; done
echo ready
{end}
"""


async def is_dead(pids: pathlib.Path) -> bool:
    def dead(pid: str) -> bool:
        stat = pathlib.Path(f"/proc/{pid}/stat")
        try:
            return stat.read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    started = (await asyncio.to_thread(pids.read_text)).split()
    return all([await asyncio.to_thread(dead, pid) for pid in started])


async def test_nothing_that_a_build_started_outlives_it(tmp_path: pathlib.Path) -> None:
    pids = tmp_path / "pids"
    async with builder(tmp_path, timeout_seconds=1.0) as here:
        for end, code, said in (
            ("cp -r $SRC_PKG $DEPLOY_PKG", 200, "ready"),
            ("sleep 60", 500, "the build was cut off after 1 s"),
        ):
            here.put(f"hello-{code}", build=STRAYS.format(pids=pids, end=end))
            found, answer = await here.build(f"hello-{code}", "./build.sh")
            assert (found, said in answer.build_logs) == (code, True), answer.build_logs
            await waits.until_so(lambda: is_dead(pids))
            pids.unlink()


async def test_a_build_does_not_fill_the_disk(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path, min_free_mib=1 << 40) as here:
        here.put("hello-abcdef", build="#!/bin/sh\nsleep 60\n")
        _, outcome = await lines_of(await here.stream("hello-abcdef", "./build.sh"))
        assert (outcome.code, outcome.reason) == (500, "DiskFull")
        assert "MiB (BUILD_MIN_FREE_MIB) are left on the disk" in outcome.error


async def test_a_caller_that_leaves_ends_its_build(tmp_path: pathlib.Path) -> None:
    pids = tmp_path / "pids"
    async with builder(tmp_path) as here:
        here.put("hello-abcdef", build=STRAYS.format(pids=pids, end="sleep 60"))
        async with await here.stream("hello-abcdef", "./build.sh") as response:
            chunks = response.iter_bytes()
            while b"ready" not in await anext(chunks):
                pass
        await waits.until_so(lambda: is_dead(pids))
        await waits.until(lambda: here.names() == [])


async def test_builds_are_bounded(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path, max_builds=1) as here:
        here.put("hello-abcdef", slow="#!/bin/sh\necho on; sleep 60\n", build=COPY)
        async with await here.stream("hello-abcdef", "./slow.sh") as response:
            await anext(response.iter_bytes())
            body = wire.encode(wire.BuildRequest("hello-abcdef", "./build.sh"))
            refused = await here.call("POST", "/", body)
            assert (refused.status, await refused.read()) == (
                503,
                b"1 builds run, as many as may\n",
            )


async def test_what_cannot_be_asked_is_refused(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path, signed=True) as here:
        here.put("hello-abcdef", build=COPY)
        for name, command, code, said in (
            ("hello-abcdef", "./build.sh; rm -rf /", 400, "contains ';'"),
            ("hello-abcdef", "./build.sh\0", 400, "contains '\\x00'"),
            ("../etc", "./build.sh", 400, "must be a plain file name"),
            ("/etc", "./build.sh", 400, "must be a plain file name"),
            (".fission-builder", "./build.sh", 400, "must be a plain file name"),
        ):
            body = wire.encode(wire.BuildRequest(source_filename=name, command=command))
            response = await here.call("POST", "/", body)
            assert response.status == code
            assert said in (await response.read()).decode()
        log, outcome = await lines_of(await here.stream("missing-abcdef", "./build.sh"))
        assert (log, outcome.code, outcome.reason) == ("", 404, "SourceNotFound")
        assert (await here.call("POST", "/", b"nonsense")).status == 400
        assert (await here.call("DELETE", "/clean?name=..%2Fx")).status == 400
        assert (await here.call("GET", "/")).status == 405

        unsigned = await here.http.request("POST", here.url + "/", body=b"{}")
        assert (unsigned.status, await unsigned.read()) == (401, b"")
        for path in ("/healthz", "/version"):
            assert (await here.http.request("GET", here.url + path)).status == 200


async def test_a_restarted_builder_removes_what_its_earlier_life_left(
    tmp_path: pathlib.Path,
) -> None:
    async with builder(tmp_path) as here:
        here.put("hello-abcdef", build=COPY)
    async with builder(tmp_path) as here:
        assert here.names() == []


async def test_a_directory_that_was_not_empty_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "precious").touch()
    settings = config.Config(packages_dir=str(tmp_path / "packages"))
    deps = app.Deps({}, clocks.SystemClock(), processes.Reaper(owns_process=False))
    app.make(settings, deps).places.prepare()
    assert os.listdir(tmp_path / "packages") == ["precious"]
