"""Waiting for builds, whose Packages are changed here as buildermgr changes them."""

import asyncio
import re

import pytest
import pytest_asyncio

from fission.api import objects, package_defaults, package_types
from tests.support import commandline

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGES = "/apis/fission.io/v1/namespaces/default/packages"
FUNCTION = "/apis/fission.io/v1/namespaces/default/functions/hello"
CREATE = ("fn", "create", "--name", "hello", "--env", "python", "--src", "hello.py")
NAME = "hello-uid-1"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _environment(good):
    """Every test has an environment that builds."""
    await good(
        *("env", "create", "--name", "python", "--image", "fission/python-env"),
        *("--builder", "fission/python-builder"),
    )


class Build:
    """One package's build, told step by step."""

    def __init__(self, cluster, name):
        self._cluster = cluster
        self._path = f"{PACKAGES}/{name}"

    async def asked_for(self):
        async with asyncio.timeout(10):
            while (await self._cluster.call("GET", self._path)).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def package(self):
        return (await self._cluster.call("GET", self._path)).body

    async def is_(self, state, log=""):
        found = objects.decode(package_types.Package, await self.package())
        status = {
            "buildstatus": state,
            "buildlog": log,
            "contentHash": package_defaults.content_hash(found.spec),
        }
        content_type = "application/merge-patch+json"
        answer = await self._cluster.call(
            "PATCH", f"{self._path}/status", {"status": status}, content_type
        )
        assert answer.status == 200


class Running:
    """A command under way, and what it has said so far."""

    def __init__(self, started: commandline.Started):
        self.started = started

    async def says(self, text):
        async with asyncio.timeout(10):
            while text not in self.started.out:
                if self.started.task.done():
                    raise AssertionError(self.started.result())
                await asyncio.sleep(0.005)

    async def ends(self):
        async with asyncio.timeout(10):
            return await self.started.task


@pytest_asyncio.fixture(loop_scope="module")
async def start(command_line):
    """Starts a command and goes on."""
    started = []

    def run(*arguments):
        started.append(Running(command_line.start(*arguments)))
        return started[-1]

    yield run
    for each in started:
        each.started.task.cancel()


@pytest.fixture
def build(cluster):
    return Build(cluster, NAME)


def timeless(text):
    return re.sub(r"\d+\.\d s\b", "TIME", text)


async def test_a_function_from_source_is_there_when_it_is_built(start, build, cluster):
    creating = start(*CREATE, "--buildcmd", "build --fast")
    await build.asked_for()
    await build.is_("running")
    await build.is_("running", "Collecting a\n")
    await creating.says("Collecting a\n")
    await build.is_("running", "Collecting a\nCollecting b\nInst")
    await creating.says("Collecting b\n")
    assert "Inst" not in creating.started.out
    assert (await cluster.call("GET", FUNCTION)).status == 200
    await build.is_("succeeded", "Collecting a\nCollecting b\nInstalled")

    done = await creating.ends()

    assert (done.code, done.err) == (0, "")
    assert timeless(done.out) == (
        "Package 'hello-uid-1' created\nfunction 'hello' created\n"
        "Collecting a\nCollecting b\nInstalled\nPackage 'hello-uid-1' built in TIME\n"
    )
    spec = (await build.package())["spec"]
    assert spec["buildcmd"] == "build --fast"
    assert "deployment" not in spec


async def test_a_failed_build_says_what_to_do_next(start, build, cluster):
    creating = start(*CREATE)
    await build.asked_for()
    await build.is_("failed", "".join(f"line {number}\n" for number in range(9)) + "no pandaz\n")

    done = await creating.ends()

    assert done.code == 1
    assert done.out.endswith("line 8\nno pandaz\n")
    assert done.err == (
        "Error: the build of package 'hello-uid-1' failed:\n"
        "  line 5\n  line 6\n  line 7\n  line 8\n  no pandaz\n"
        "Whole log:           fission pkg info --name hello-uid-1\n"
        "With better source:  fission fn update --name hello --src ...\n"
        "The same once more:  fission pkg rebuild --name hello-uid-1\n"
    )
    assert (await cluster.call("GET", FUNCTION)).status == 200


async def test_a_build_that_starts_again_is_shown_again(start, build):
    creating = start(*CREATE)
    await build.asked_for()
    await build.is_("running", "Collecting a\nColl")
    await creating.says("Collecting a\n")
    await build.is_("pending")
    await build.is_("running", "Collecting x\n")
    await creating.says("Collecting x\n")
    await build.is_("succeeded", "Collecting x\nInstalled\n")

    done = await creating.ends()

    assert timeless(done.out).splitlines()[2:] == [
        "Collecting a",
        "Coll",
        "--- the build starts again",
        "Collecting x",
        "Installed",
        "Package 'hello-uid-1' built in TIME",
    ]


async def test_nobody_has_to_wait(good, build):
    assert await good(*CREATE, "--nowait") == (
        "Package 'hello-uid-1' created\nfunction 'hello' created\n"
    )
    assert "status" not in await build.package()  # what it is, buildermgr finds out


async def test_who_leaves_is_told_how_to_come_back(start, build):
    creating = start(*CREATE)
    await creating.says("function 'hello' created\n")
    await build.is_("running", "Collecting a\n")
    await creating.says("Collecting a\n")

    creating.started.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating.ends()

    assert creating.started.err == (
        "The build goes on. Follow it again: fission pkg info --name hello-uid-1 --follow\n"
    )


async def test_a_package_that_is_deleted_meanwhile(start, build, cluster):
    creating = start(*CREATE)
    await creating.says("function 'hello' created\n")
    await cluster.call("DELETE", f"{PACKAGES}/{NAME}")

    done = await creating.ends()

    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "Error: package 'hello-uid-1' was deleted before its build was over"
    )


async def test_new_source_is_built_while_the_function_goes_on(good, start, build, cluster):
    await good(*CREATE, "--nowait")
    await build.is_("succeeded", "old\n")
    before = (await cluster.call("GET", FUNCTION)).body["spec"]["package"]["packageref"]

    updating = start("fn", "update", "--name", "hello", "--src", "other.py")
    await updating.says("Function 'hello' updated\n")
    assert (await build.package())["status"]["buildstatus"] == "pending"
    after = (await cluster.call("GET", FUNCTION)).body["spec"]["package"]["packageref"]
    assert after == before
    await build.is_("running", "new\n")
    await build.is_("succeeded", "new\n")
    done = await updating.ends()

    assert timeless(done.out) == (
        "Function 'hello' updated\nnew\nPackage 'hello-uid-1' built in TIME\n"
    )


async def test_a_changed_build_command_is_a_reason_to_build(good, build):
    await good(*CREATE, "--nowait")
    await build.is_("succeeded")

    await good("fn", "update", "--name", "hello", "--buildcmd", "./build.sh", "--nowait")

    package = await build.package()
    assert package["spec"]["buildcmd"] == "./build.sh"
    assert package["status"]["buildstatus"] == "pending"


async def test_code_that_needs_no_build_is_loaded_at_once(good, build, cluster):
    await good(*CREATE, "--nowait")
    await build.is_("succeeded")

    assert await good("fn", "update", "--name", "hello", "--code", "other.py") == (
        "Function 'hello' updated\n"
    )

    package = await build.package()
    assert package["status"]["buildstatus"] == "succeeded"
    function = (await cluster.call("GET", FUNCTION)).body
    reference = function["spec"]["package"]["packageref"]
    assert reference["resourceversion"] == package["metadata"]["resourceVersion"]


async def test_a_package_is_followed_where_it_is_asked_for(good, start, cluster):
    create = ("pkg", "create", "--name", "p", "--env", "python", "--src", "hello.py")
    assert await good(*create) == "Package 'p' created\n"
    p = Build(cluster, "p")
    following = start("pkg", "info", "--name", "p", "--follow")
    await following.says("Build Logs:\n")
    await p.is_("running", "Collecting a\n")
    await following.says("Collecting a\n")
    await p.is_("succeeded", "Collecting a\nInstalled\n")
    done = await following.ends()
    assert timeless(done.out) == (
        "Name:        p\nEnvironment: python\nStatus:      <none>\n"
        + re.findall("Source: .*\n", done.out)[0]
        + "Deployment:  <none>\n\nBuild Logs:\nCollecting a\nInstalled\nPackage 'p' built in TIME\n"
    )

    updating = start("pkg", "update", "--name", "p", "--src", "other.py", "--follow")
    await updating.says("Package 'p' updated\n")
    await p.is_("failed", "boom\n")
    done = await updating.ends()
    assert (done.code, done.out) == (1, "Package 'p' updated\nboom\n")
    assert "With better source:  fission pkg update --name p --src ...\n" in done.err

    rebuilding = start("pkg", "rebuild", "--name", "p", "--follow")
    await rebuilding.says("Retrying build for pkg p.\n")
    assert (await p.package())["status"]["buildstatus"] == "pending"
    await p.is_("succeeded", "fine\n")
    done = await rebuilding.ends()
    assert timeless(done.out) == "Retrying build for pkg p.\nfine\nPackage 'p' built in TIME\n"


async def test_the_log_of_a_build_that_is_over_is_not_taken_for_the_next(good, start, cluster):
    await good("pkg", "create", "--name", "p", "--env", "python", "--src", "hello.py")
    p = Build(cluster, "p")
    await p.is_("failed", "old\n")

    rebuilding = start("pkg", "rebuild", "--name", "p", "--follow")
    await rebuilding.says("Retrying")
    await p.is_("pending", "old\n")
    await p.is_("succeeded", "new\n")

    assert "old" not in (await rebuilding.ends()).out


async def test_only_a_failed_build_is_repeated(good, bad, cluster):
    await good("pkg", "create", "--name", "p", "--env", "python", "--src", "hello.py")
    p = Build(cluster, "p")
    assert await bad("pkg", "rebuild", "--name", "p") == (
        "Error: package p is not in failed state\n"
        "  its build status is <none>\n"
        "  --nocache builds it all the same"
    )
    await p.is_("pending")
    assert await bad("pkg", "rebuild", "--name", "p", "--nocache") == (
        "Error: package p is being built already\n"
        "  follow it with `fission pkg info --name p --follow`"
    )
    await p.is_("failed", "no such module\n")
    assert (await good("pkg", "info", "--name", "p")).endswith("\nBuild Logs:\nno such module\n")

    assert await good("pkg", "rebuild", "--name", "p") == (
        'Retrying build for pkg p. Use "fission pkg info --name p" to view status\n'
    )
    assert (await p.package())["status"]["buildstatus"] == "pending"

    await p.is_("succeeded")
    await good("pkg", "rebuild", "--name", "p", "--nocache")
    package = await p.package()
    assert package["status"]["buildstatus"] == "pending"
    assert package["metadata"]["annotations"]["fission.io/no-build-cache"]
    await p.is_("succeeded")
    await good("pkg", "update", "--name", "p", "--deploy", "hello.py")


async def test_a_package_without_source_has_nothing_to_build(good, bad):
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")

    assert await bad("pkg", "rebuild", "--name", "p", "--nocache") == (
        "Error: package p has no source to build\n"
        "  give it some with `fission pkg update --name p --src ...`"
    )


async def test_a_name_that_is_taken(good, bad):
    create = ("pkg", "create", "--name", "p", "--env", "python", "--src", "hello.py")
    await good(*create)

    assert await bad(*create) == (
        "Error: package 'p' already exists\n"
        "  change it with `fission pkg update --name p`, or choose another --name"
    )
