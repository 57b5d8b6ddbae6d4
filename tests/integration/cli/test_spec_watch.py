"""``spec apply --watch``: what is saved is applied, what is wrong is said, and it goes on."""

import asyncio
import contextlib

import pytest
import pytest_asyncio
import yaml

from fission.api import resources

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_SECONDS = 10


def a_function(timeout):
    return {
        "apiVersion": "fission.io/v1",
        "kind": "Function",
        "metadata": {"name": "hello"},
        "spec": {
            "environment": {"name": "python", "namespace": ""},
            "package": {"packageref": {"name": "hello", "namespace": ""}},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": "poolmgr"},
            },
            "functionTimeout": timeout,
        },
    }


PACKAGE = {
    "apiVersion": "fission.io/v1",
    "kind": "Package",
    "metadata": {"name": "hello"},
    "spec": {
        "environment": {"name": "python", "namespace": ""},
        "deployment": {"type": "url", "url": "archive://code"},
    },
}
ARCHIVE = {"kind": "ArchiveUploadSpec", "name": "code", "include": ["src/**/*.py"]}


async def until(condition):
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def specs(workdir):
    (workdir / "src").mkdir()
    (workdir / "src" / "main.py").write_text("def main():\n    return 'one'\n")
    folder = workdir / "specs"
    folder.mkdir()
    name = {"apiVersion": "fission.io/v1", "kind": "DeploymentConfig", "name": "shop", "uid": "u"}
    (folder / "fission-deployment-config.yaml").write_text(yaml.safe_dump(name))
    return folder


@pytest_asyncio.fixture(loop_scope="module")
async def watched(command_line, specs):
    """Starts the command, and ends it after the test."""
    started = []

    def start():
        started.append(command_line.start("spec", "apply", "--watch"))
        return started[-1]

    yield start
    for each in started:
        each.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await each.task


async def test_a_saved_spec_is_applied_and_a_bad_one_is_told_and_changes_nothing(
    cluster, specs, watched
):
    async def has_timeout(seconds):
        path = resources.FUNCTIONS.path("default", "hello")
        found = await cluster.call("GET", path)
        return found.status == 200 and found.body["spec"].get("functionTimeout", 0) == seconds

    def save(*documents):
        (specs / "app.yaml").write_text(yaml.safe_dump_all(documents))

    save(a_function(10), PACKAGE, ARCHIVE)
    command = watched()
    await until(lambda: has_timeout(10))
    await until(lambda: _says(command, "out", "Watching files"))
    save(a_function(20), PACKAGE, ARCHIVE)
    await until(lambda: has_timeout(20))
    (specs / "app.yaml").write_text("kind: [\n")
    await until(lambda: _says(command, "err", "app.yaml:"))
    assert await has_timeout(20)
    assert not command.task.done()
    save(a_function(30), PACKAGE, ARCHIVE)
    await until(lambda: has_timeout(30))


async def test_a_saved_file_of_an_archive_changes_its_package_alone(cluster, specs, watched):
    """No function uses the package, so there is nothing to try it with."""
    (specs / "app.yaml").write_text(yaml.safe_dump_all([PACKAGE, ARCHIVE]))
    path = resources.PACKAGES.path("default", "hello")
    command = watched()
    await until(lambda: _says(command, "out", "Watching files"))
    before = (await cluster.call("GET", path)).body

    async def is_changed():
        now = (await cluster.call("GET", path)).body
        return now["spec"] != before["spec"]

    (specs.parent / "src" / "deep").mkdir()
    (specs.parent / "src" / "deep" / "more.py").write_text("x = 1\n")
    await until(is_changed)
    await until(lambda: _says(command, "out", "1 package updated: hello"))


async def _says(command, stream, wanted):
    return wanted in getattr(command, stream)
