import asyncio
import base64
import pathlib

import pytest
import pytest_asyncio
import yaml

import fission.api
from fission.api import resources
from fission.meta import gvk
from tests.support import apiserver, cliplatform, commandline

CRDS = pathlib.Path(fission.api.__file__).parent / "crds"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_cluster():
    """One embedded API server with our kinds, for all tests of a module."""
    async with apiserver.running() as server:
        for path in sorted(CRDS.glob("*.yaml")):
            answer = await server.call(
                "POST", gvk.CRDS.path(), yaml.safe_load(path.read_text(encoding="utf-8"))
            )
            assert answer.status == 201, answer.body
        async with asyncio.timeout(10):
            for resource in resources.ALL:
                while (await server.call("GET", resource.path())).status != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(shared_cluster):
    """The API server without objects of our kinds."""
    for resource in resources.ALL:
        found = await shared_cluster.call("GET", resource.path())
        for obj in found.body["items"]:
            metadata = obj["metadata"]
            path = resource.path(metadata["namespace"], metadata["name"])
            await shared_cluster.call("DELETE", path)
    return shared_cluster


@pytest.fixture
def kubeconfig(cluster, tmp_path):
    path = tmp_path / "kubeconfig"
    ca = base64.b64encode(pathlib.Path(cluster.ca).read_bytes()).decode()
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [
                    {
                        "name": "test",
                        "cluster": {"server": cluster.url, "certificate-authority-data": ca},
                    }
                ],
                "users": [{"name": "admin", "user": {"token": cluster.token}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            }
        )
    )
    return path


@pytest.fixture
def workdir(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "hello.py").write_text("def main():\n    return 'hello'\n")
    (folder / "other.py").write_text("def main():\n    return 'other'\n")
    return folder


@pytest.fixture
def command_line(workdir, kubeconfig):
    """The command in a folder with two functions' code, led to the test's API server."""
    return commandline.CommandLine(workdir, {"KUBECONFIG": str(kubeconfig)})


@pytest.fixture
def fission(command_line):
    return command_line.run


@pytest.fixture
def good(fission):
    """Runs a command that must succeed; its output."""

    async def run(*arguments):
        result = await fission(*arguments)
        assert result.code == 0, result.err
        assert result.err == ""
        return result.out

    return run


@pytest.fixture
def bad(fission):
    """Runs a command that must fail; what it says from ``Error:`` on."""

    async def run(*arguments):
        result = await fission(*arguments)
        assert result.code == 1, result.out
        lines = result.err.splitlines()
        first = max(index for index, line in enumerate(lines) if line.startswith("Error: "))
        return "\n".join(lines[first:])

    return run


@pytest_asyncio.fixture(loop_scope="module")
async def environment(good):
    await good("env", "create", "--name", "python", "--image", "fission/python-env")


@pytest_asyncio.fixture(loop_scope="module")
async def platform(cluster, tmp_path):
    """Storagesvc behind the API server."""
    async with cliplatform.installed(cluster, tmp_path / "storage"):
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def router(cluster, platform):
    """A listener in the router's place."""
    async with cliplatform.routed(cluster) as running:
        yield running
