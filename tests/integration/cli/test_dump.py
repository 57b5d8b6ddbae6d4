"""What ``support dump`` collects of an API server without a platform."""

import zipfile

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_dump_has_what_could_be_read_and_says_what_could_not(good, workdir):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")

    said = (await good("support", "dump", "--output", "out")).splitlines()

    assert said[0].startswith("Warning: the version of the server could not be read: ")
    (made,) = (workdir / "out").iterdir()
    assert said[-1] == f"The archive dump file is {made}"
    assert made.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(made) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        package = next(name for name in archive.namelist() if "crds/packages" in name)
        assert "<left out>" in archive.read(package).decode()
    assert {
        "crds/environments/default/python.yaml",
        "crds/functions/default/hello.yaml",
        "versions/client.yaml",
        "versions/kubernetes.yaml",
    } <= names


async def test_a_dump_may_stay_a_folder(good, workdir):
    said = await good("support", "dump", "--nozip")

    (made,) = (workdir / "fission-dump").iterdir()
    assert said.endswith(f"The dump is in {made}\n")
    assert (made / "versions" / "kubernetes.yaml").is_file()
