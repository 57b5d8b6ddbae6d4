"""Archives on a bad connection, and what they cost in memory."""

import hashlib
import json
import random
import socket

import pytest

from fission.contracts import storage
from fission_http import server

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = random.Random(5).randbytes(3_000_000)
ID = "/fission/fission-functions/one"


class Storage:
    """A storagesvc that breaks connections before it behaves."""

    def __init__(self, failures):
        self.failures = list(failures)
        self.received = []
        self.headers = {}

    async def handle(self, request):
        failure = self.failures.pop(0) if self.failures else None
        if request.method == "GET":
            return self._download(failure)
        if failure == "break":
            async for _ in request.iter_bytes():
                break
            return server.Response(200, [("Content-Length", "10")], _broken())
        if failure == "busy":
            await request.read(1 << 24)
            return server.Response(503, body=b"restarting\n")
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(await request.read(1 << 24))
        return server.Response(200, body=json.dumps({"id": ID}).encode())

    def _download(self, failure):
        length = [("Content-Length", str(len(CONTENT)))]
        if failure == "break":
            return server.Response(200, length, _broken(CONTENT[:1000]))
        if failure == "damage":
            return server.Response(200, length, bytes(len(CONTENT)))
        return server.Response(200, length, CONTENT)


async def _broken(begun=b""):
    yield begun
    raise ConnectionError("the storage's machine is gone")


@pytest.fixture
async def storagesvc(command_line):
    """Starts such a storagesvc and leads the command to it."""
    running = []

    async def start(*failures):
        made = Storage(failures)
        listening = socket.create_server(("127.0.0.1", 0))
        running.append(await server.serve(made.handle, [listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        command_line.env["FISSION_STORAGESVC_URL"] = url
        return made

    yield start
    for each in running:
        await each.close(0)


@pytest.fixture
def large(workdir):
    (workdir / "large.bin").write_bytes(CONTENT)
    return workdir / "large.bin"


async def test_an_upload_says_what_it_must_hash_to(good, storagesvc, large):
    made = await storagesvc()

    assert await good("archive", "upload", "--name", "large.bin") == (
        f"File successfully uploaded with ID: {ID}\n"
    )
    assert made.headers["x-file-sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert made.headers["x-file-size"] == str(len(CONTENT))
    (body,) = made.received
    assert CONTENT in body


async def test_an_upload_that_breaks_off_is_sent_again(fission, storagesvc, large):
    made = await storagesvc("break", "busy")

    done = await fission("archive", "upload", "--name", "large.bin")

    assert done.code == 0, done.err
    assert done.err.count("Uploading large.bin again: ") == 2
    assert CONTENT in made.received[0]


async def test_a_download_that_breaks_off_is_fetched_again(fission, storagesvc, workdir):
    await storagesvc("break")

    done = await fission("archive", "download", "--id", ID, "-o", "back.bin")

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"Fetching archive {ID} again: the answer broke off")
    assert (workdir / "back.bin").read_bytes() == CONTENT
    assert sorted(path.name for path in workdir.iterdir()) == ["back.bin", "hello.py", "other.py"]


async def test_a_damaged_archive_is_not_kept(good, bad, environment, cluster, storagesvc, workdir):
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")
    await storagesvc("damage", "damage")
    archive = {
        "type": "url",
        "literal": None,
        "url": storage.archive_url("http://storagesvc.fission", ID),
        "checksum": {"type": "sha256", "sum": hashlib.sha256(CONTENT).hexdigest()},
    }
    patched = await cluster.call(
        "PATCH",
        "/apis/fission.io/v1/namespaces/default/packages/p",
        {"spec": {"deployment": archive}},
        "application/merge-patch+json",
    )
    assert patched.status == 200

    said = await bad("pkg", "getdeploy", "--name", "p", "-o", "back.bin")

    assert said.startswith("Error: the archive of package p is damaged: its SHA-256 is ")
    assert not (workdir / "back.bin").exists()
    assert (await bad("pkg", "getdeploy", "--name", "p")).startswith("Error: the archive of")
    await good("pkg", "getdeploy", "--name", "p", "-o", "back.bin")
    assert (workdir / "back.bin").read_bytes() == CONTENT
