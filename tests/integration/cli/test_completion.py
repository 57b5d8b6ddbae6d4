"""Names of live objects, offered to somebody who types."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_names_of_objects_that_are_there(good):
    for name in ("python", "pypy", "node"):
        await good("env", "create", "--name", name, "--image", "i", "--poolsize", "1")

    assert (
        await good("__complete", "zsh", "env", "get", "--name", "") == "node\t\npypy\t\npython\t\n"
    )
    assert await good("__complete", "zsh", "fn", "create", "--env=p") == (
        "--env=pypy\t\n--env=python\t\n"
    )
    assert await good("__complete", "bash", "fn", "create", "--env", "=", "n") == "node\t\n"
    assert await good("__complete", "bash", "-n", "kube-s") == "kube-system\t\n"
    assert await good("__complete", "bash", "-n", "kube-system", "env", "get", "--name", "") == ""
