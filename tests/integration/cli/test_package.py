import hashlib
import random
import re
import stat
import zipfile

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGE = "/apis/fission.io/v1/namespaces/default/packages/p"
LARGE = random.Random(1).randbytes(300_000)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _environment(environment):
    """Every test has an environment."""


@pytest.fixture
def large(workdir):
    (workdir / "large.py").write_bytes(LARGE)
    return workdir / "large.py"


async def test_a_package_from_creation_to_deletion(good, cluster):
    create = ("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")
    assert await good(*create) == "Package 'p' created\n"
    listed = await good("pkg", "list")
    assert re.sub(r"\d\d \w{3} \d\d \d\d:\d\d UTC", "TIME", listed) == (
        "NAME BUILD_STATUS ENV    LASTUPDATEDAT       READY  NAMESPACE\n"
        "p    <none>       python TIME <none> default\n"
    )
    assert await good("pkg", "info", "--name", "p") == (
        "Name:        p\nEnvironment: python\nStatus:      <none>\n"
        "Deployment:  embedded 31 bytes\n\nBuild Logs:\n"
    )
    assert await good("pkg", "getdeploy", "--name", "p") == "def main():\n    return 'hello'\n"
    assert await good("pkg", "update", "--name", "p", "--code", "other.py") == (
        "Package 'p' updated\n"
    )
    assert await good("pkg", "getdeploy", "--name", "p") == "def main():\n    return 'other'\n"
    assert await good("pkg", "delete", "--name", "p") == "Package 'p' deleted\n"
    assert (await cluster.call("GET", PACKAGE)).status == 404


async def test_a_package_that_is_used_stays(good, bad):
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")
    await good("fn", "create", "--name", "hello", "--pkg", "p")

    assert await bad("pkg", "delete", "--name", "p") == (
        "Error: package is used by at least one function, use -f to force delete\n"
        "  by hello: they could not start without it"
    )
    assert await good("pkg", "delete", "--orphan") == "Orphan packages deleted\n"
    assert "p    <none>" in await good("pkg", "list")
    await good("fn", "delete", "--name", "hello")
    await good("pkg", "delete", "--orphan")
    assert await good("pkg", "list", "-o", "json") == "[]\n"


async def test_what_is_too_large_goes_to_storagesvc_and_comes_back(good, cluster, platform, large):
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "large.py")

    archive = (await cluster.call("GET", PACKAGE)).body["spec"]["deployment"]
    assert archive["type"] == "url"
    assert archive["url"].startswith(
        "http://storagesvc.fission/v1/archive?id=%2Ffission%2Ffission-functions%2F"
    )
    assert archive["checksum"] == {"type": "sha256", "sum": hashlib.sha256(LARGE).hexdigest()}

    assert await good("pkg", "getdeploy", "--name", "p", "-o", "back.bin") == ""
    back = large.parent / "back.bin"
    assert back.read_bytes() == LARGE
    assert stat.S_IMODE(back.stat().st_mode) == 0o600


async def test_a_literal_may_fill_its_limit(good, cluster, workdir):
    (workdir / "limit.py").write_bytes(LARGE[: 256 * 1024])
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "limit.py")

    archive = (await cluster.call("GET", PACKAGE)).body["spec"]["deployment"]
    assert archive["type"] == "literal"


async def test_an_upload_that_is_signed_with_another_secret_is_refused(
    bad, command_line, platform, large
):
    command_line.env["FISSION_INTERNAL_AUTH_SECRET"] = "another"

    message = await bad("pkg", "create", "--name", "p", "--env", "python", "--code", "large.py")

    assert "401" in message or "nauthorized" in message


async def test_a_large_folder_is_zipped_and_uploaded(good, platform, large, workdir):
    folder = workdir / "code"
    folder.mkdir()
    large.rename(folder / "data.bin")
    (folder / "main.py").write_text("x = 1\n")

    await good("pkg", "create", "--name", "p", "--env", "python", "--deploy", "code")
    await good("pkg", "getdeploy", "--name", "p", "-o", "back.zip")

    with zipfile.ZipFile(workdir / "back.zip") as opened:
        assert sorted(opened.namelist()) == ["data.bin", "main.py"]
        assert opened.read("data.bin") == LARGE


async def test_archives_from_upload_to_deletion(good, bad, platform, large):
    assert await good("archive", "list") == "ARCHIVES\n"
    uploaded = await good("archive", "upload", "--name", "large.py")
    archive_id = uploaded.removeprefix("File successfully uploaded with ID: ").strip()
    assert archive_id.startswith("/fission/fission-functions/")
    assert await good("archive", "list") == f"ARCHIVES\n{archive_id}\n"
    assert await good("archive", "get-url", "--id", archive_id) == (
        "URL: http://storagesvc.fission/v1/archive?id=" + archive_id.replace("/", "%2F")
    )
    await good("archive", "download", "--id", archive_id)
    name = archive_id.rsplit("/", 1)[-1]
    assert (large.parent / name).read_bytes() == LARGE
    assert await good("archive", "delete", "--id", archive_id) == (
        f"Deleted archive with id: {archive_id}\n"
    )
    assert await good("archive", "list") == "ARCHIVES\n"
    assert await bad("archive", "upload", "--name", "nope") == (
        "Error: --name nope: no such file\n  name a file; a folder is zipped first"
    )


async def test_an_image_holds_the_code(good, bad, cluster):
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")
    package = (await cluster.call("GET", PACKAGE)).body
    oci = {"type": "oci", "oci": {"image": "r/i:1", "digest": "sha256:" + "a" * 64}}
    package["spec"]["deployment"] = oci
    await cluster.call("PUT", PACKAGE, package)

    assert await bad("pkg", "getdeploy", "--name", "p") == (
        "Error: the code of package p is in the image r/i:1; pull that"
    )
