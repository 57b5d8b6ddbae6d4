"""The same commands through the controller: FISSION_URL leads to it, no kubeconfig is needed."""

import asyncio
import hashlib
import json
import random
import socket

import pytest
import pytest_asyncio

from fission.base import clock, tasks
from fission.contracts import controller as contract
from fission.contracts import egress, signing, statestore, storage
from fission.controller import app, config
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission_http import client as http_client
from fission_http import server
from tests.support import cliplatform, commandline

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def controller(cluster):
    """A controller that asks for no token."""
    listening = socket.create_server(("127.0.0.1", 0))
    credentials = kube_config.from_unix_socket(cluster.socket)
    async with (
        kube_client.Client(credentials) as kube,
        http_client.Client() as http,
        tasks.Tasks() as group,
    ):
        deps = app.Deps(kube, http, clock.SystemClock(), signing.Masters(cliplatform.SECRET))
        made = app.build(config.Config(auth="none"), deps)
        group.run(made.run([listening]), "controller")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with asyncio.timeout(5):
            while (await http.request("GET", f"{url}/healthz")).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield url


@pytest.fixture
def command_line(workdir, controller):
    return commandline.CommandLine(workdir, {"FISSION_URL": controller})


async def test_a_function_from_creation_to_deletion(good, fission, router):
    assert await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1") == (
        "environment 'python' created\n"
    )
    assert await good(
        "fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py"
    ) == ("Package 'hello-uid-1' created\nfunction 'hello' created\n")
    assert await good(
        "route", "create", "--name", "hello", "--url", "/hello", "--function", "hello"
    ) == ("trigger 'hello' created\n")
    assert "hello python poolmgr" in await good("fn", "list")
    assert "hello [GET]  /hello hello" in await good("route", "list")
    timer = ("--name", "tick", "--function", "hello", "--cron", "@daily")
    made = (await good("timer", "create", *timer)).splitlines()
    assert made[0] == "trigger 'tick' created"
    assert made[1].startswith("Current Server Time: 20")
    assert "tick @daily hello         POST   /       <none>" in await good("timer", "list")
    assert await good("timer", "delete", "--name", "tick") == "trigger 'tick' deleted\n"
    await good("watch", "create", "--name", "pods", "--function", "hello")
    assert "pods default   pod            hello" in await good("watch", "list")
    assert await good("watch", "delete", "--name", "pods") == "trigger 'pods' deleted\n"
    assert await good("fn", "get", "--name", "hello") == "def main():\n    return 'hello'\n"
    assert (await fission("fn", "test", "--name", "hello")).out == "hello\n"
    assert await good("fn", "update", "--name", "hello", "--code", "other.py") == (
        "Function 'hello' updated\n"
    )
    assert await good("fn", "get", "--name", "hello") == "def main():\n    return 'other'\n"
    assert await good("fn", "delete", "--name", "hello") == "function 'hello' deleted\n"


async def test_a_queue_trigger_from_creation_to_deletion(good, bad, cluster):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")
    mine = ("--name", "orders")
    reads = ("--function", "hello", "--mqtype", "statestore", "--topic", "in")
    assert await good("mqt", "create", *mine, *reads) == "trigger 'orders' created\n"
    assert "already exists" in await bad("mqt", "create", *mine, *reads)
    assert "invalid topic" in await bad(
        "mqt", "create", "--name", "x", "--function", "hello", "--topic", "a b"
    )
    changed = await good("mqt", "update", *mine, "--maxretries", "3", "--errortopic", "bad")
    assert changed == "message queue trigger 'orders' updated\n"
    path = "/apis/fission.io/v1/namespaces/default/messagequeuetriggers/orders"
    spec = (await cluster.call("GET", path)).body["spec"]
    assert (spec["maxRetries"], spec["errorTopic"], spec["mqtkind"]) == (3, "bad", "fission")
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "Subscribed"}]}
    status["conditions"][0] |= {"message": "read", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status["delivery"] = {"delivered": 7, "lag": 5}
    answer = await cluster.call(
        "PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json"
    )
    assert answer.status == 200, answer.body
    assert "orders hello         statestore" in await good("mqt", "list")
    assert "LAST_DELIVERY" in await good("mqt", "list", "-o", "wide")
    assert "<none>        7         0      5" in await good("mqt", "get", *mine)
    waited = await good("mqt", "wait", *mine, "--for", "condition=Ready")
    assert waited == "messagequeuetrigger/orders condition met: Ready=True\n"
    assert await good("mqt", "delete", *mine) == "trigger 'orders' deleted\n"
    assert "orders" in await bad("mqt", "get", *mine)


async def test_a_schedule_that_cannot_be_read_is_refused(controller):
    spec = {"cron": "0 25 * * *", "functionref": {"type": "name", "name": "hello"}}
    body = {"metadata": {"name": "bad", "namespace": "default"}, "spec": spec}
    async with http_client.Client() as http:
        answer = await http.request(
            "POST", f"{controller}/v2/triggers/time", body=json.dumps(body).encode()
        )
        assert answer.status == 400
        assert b'field hour "25": 25 is outside of 0-23' in await answer.read()


async def test_a_canary_from_creation_to_deletion(good, cluster):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    for name in ("v1", "v2"):
        await good("fn", "create", "--name", name, "--env", "python", "--code", "hello.py")
    weighted = ("--function", "v2", "--function", "v1", "--weight", "0", "--weight", "100")
    await good("route", "create", "--name", "hello", "--url", "/hello", *weighted)
    both = ("--newfn", "v2", "--oldfn", "v1")
    assert await good("canary", "create", "--name", "c", "--httptrigger", "hello", *both) == (
        "canary config 'c' created\n"
    )
    await good("canary", "update", "--name", "c", "--step", "40")
    assert "c    hello   v2         v1           40 " in await good("canary", "list")
    assert await good("canary", "delete", "--name", "c") == "canary config 'c' deleted\n"


async def test_an_image_is_run_and_described(good, cluster):
    await good("fn", "runc", "--name", "web", "--image", "registry.example/web:1", "--port", "80")
    await good("fn", "updatec", "--name", "web", "--image", "registry.example/web:2")
    path = "/apis/fission.io/v1/namespaces/default/functions/web"
    function = (await cluster.call("GET", path)).body
    event = {
        "metadata": {"name": "web.1"},
        "involvedObject": {
            "kind": "Function",
            "namespace": "default",
            "name": "web",
            "uid": function["metadata"]["uid"],
        },
        "type": "Warning",
        "reason": "NoPod",
        "message": "no pod starts",
    }
    await cluster.call("POST", "/api/v1/namespaces/default/events", event)

    described = await good("fn", "describe", "--name", "web")

    assert "Image:     registry.example/web:2, port 80\n" in described
    assert "NoPod" in described
    await good("fn", "delete", "--name", "web")


async def test_large_archives_go_through(good, platform, workdir):
    content = random.Random(2).randbytes(400_000)
    (workdir / "large.py").write_bytes(content)
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")

    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "large.py")
    await good("pkg", "getdeploy", "--name", "p", "-o", "back.bin")

    assert (workdir / "back.bin").read_bytes() == content


async def test_one_that_is_not_there_names_those_that_are(good, bad):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")

    assert await bad("env", "get", "--name", "pyton") == (
        'Error: environment "pyton" does not exist in namespace "default"'
        '\n  existing are python\n  did you mean "python"?'
    )


async def test_versions(good):
    assert "server:" in (await good("version")).splitlines()


async def test_logs_of_a_function_without_pods_say_so(bad, good):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")

    assert (await bad("fn", "logs", "--name", "hello")).startswith(
        "Error: no active pods found for function in namespace default"
    )


async def test_an_upload_with_a_digest_passes_through_as_it_comes(controller, cluster, platform):
    begun, pieces = asyncio.Event(), []

    async def store(request):
        async for piece in request.iter_bytes():
            pieces.append(piece)
            begun.set()
        return server.Response(200, body=b'{"id": "x"}')

    async def body():
        yield b"first"
        async with asyncio.timeout(5):
            await begun.wait()  # before the rest is sent
        yield b" and last"

    digest = contract.format_digest(hashlib.sha256(b"first and last").hexdigest())
    headers = [("Content-Length", "14"), (contract.DIGEST_HEADER, digest)]
    async with (
        cliplatform.serving(cluster, "storagesvc", 80, "http", store),
        http_client.Client() as client,
    ):
        target = f"{controller}/proxy/storage/v1/archive"
        answer = await client.request("POST", target, headers, body())
        assert (answer.status, await answer.read(100)) == (200, b'{"id": "x"}')

    assert b"".join(pieces) == b"first and last"


async def test_an_upload_that_is_not_what_its_digest_says_is_refused(controller, platform):
    content_type, head, tail = storage.multipart("a", "x")
    form = head + b"content" + tail
    headers = [
        ("Content-Type", content_type),
        (storage.FILE_SIZE_HEADER, "7"),
        (contract.DIGEST_HEADER, contract.format_digest(hashlib.sha256(b"other").hexdigest())),
    ]
    async with http_client.Client() as client:
        target = f"{controller}/proxy/storage/v1/archive"
        refused = await client.request("POST", target, headers, form)
        await refused.read(1 << 20)
        kept = await client.request("GET", target)

        assert refused.status == 401
        assert await kept.read(1 << 20) == b"[]"


async def test_a_build_is_followed(good, command_line, cluster):
    await good(
        *("env", "create", "--name", "python", "--image", "i", "--poolsize", "1"),
        *("--builder", "b"),
    )
    creating = command_line.start(
        *("fn", "create", "--name", "hello", "--env", "python", "--src", "hello.py")
    )
    async with asyncio.timeout(10):
        while "function 'hello' created\n" not in creating.out:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    path = "/apis/fission.io/v1/namespaces/default/packages/hello-uid-1/status"

    async def is_(state, log):
        status = {"status": {"buildstatus": state, "buildlog": log}}
        await cluster.call("PATCH", path, status, "application/merge-patch+json")

    await is_("running", "Collecting\n")
    async with asyncio.timeout(10):
        while not creating.out.endswith("Collecting\n"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await is_("succeeded", "Collecting\nInstalled\n")
    done = await creating.task

    assert (done.code, done.err) == (0, "")
    assert "Installed\nPackage 'hello-uid-1' built in " in done.out

    updating = command_line.start("fn", "update", "--name", "hello", "--src", "other.py")
    async with asyncio.timeout(10):
        while "Function 'hello' updated\n" not in updating.out:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    found = (await cluster.call("GET", path.removesuffix("/status"))).body
    assert found["status"] == {"buildstatus": "pending", "buildlog": "Collecting\nInstalled\n"}
    await is_("failed", "boom\n")
    assert (await updating.task).code == 1


async def test_an_update_leaves_the_status_to_its_owner(good, cluster):
    await good("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await good("pkg", "create", "--name", "p", "--env", "python", "--code", "hello.py")
    path = "/apis/fission.io/v1/namespaces/default/packages/p"

    await good("pkg", "update", "--name", "p", "--code", "other.py")

    assert "status" not in (await cluster.call("GET", path)).body


async def test_an_answer_that_is_passed_on_has_one_request_id(controller, platform):
    url = f"{controller}/proxy/storage/v1/archive"
    async with http_client.Client() as client:
        answer = await client.request("GET", url, [("X-Fission-Request-ID", "mine")])
        await answer.read(1 << 20)

    found = [value for name, value in answer.headers if name.lower() == "x-fission-request-id"]
    assert (answer.status, found) == (200, ["mine"])


async def test_a_controller_that_is_not_there_is_named(command_line, bad):
    command_line.env["FISSION_URL"] = "http://127.0.0.1:1"

    assert (await bad("fn", "list")).startswith(
        "Error: the controller at http://127.0.0.1:1 cannot be reached:"
    )
    command_line.env["FISSION_URL"] = "nowhere"
    assert (await bad("fn", "list")).startswith("Error: 'nowhere' is not the URL of the controller")


async def test_topics(good, cluster, platform, controller, tmp_path):
    async with cliplatform.statestored(cluster, tmp_path / "state"):
        published = await good("topic", "publish", "--topic", "t", "--data", "hi")
        assert published == 'published to topic "t" in namespace "default" (statestore)\n'
        shown = await good("topic", "peek", "--topic", "t")
        assert shown.splitlines()[2].endswith(" hi")


async def test_messages_for_a_broker(good, bad, cluster, platform, controller, tmp_path):
    words = ("topic", "publish", "--mqtype", "kafka", "--topic", "t", "--data", "hi")
    async with cliplatform.statestored(cluster, tmp_path / "state") as store:
        assert "the platform has no broker of type kafka" in await bad(*words)
        await store.set(egress.scope(), "kafka", statestore.encode(egress.State()))
        published = await good(*words, "-n", "shop")
        assert published == 'published to topic "t" in namespace "shop" (kafka)\n'
        (message,) = await store.lease(egress.queue("kafka"), 1, 60.0)
        assert egress.decode_job(message.body).namespace == "shop"


async def test_nothing_but_topics_is_reached_through_the_controller(platform, cluster, controller):
    async with http_client.Client() as http:
        for path, body, code in (
            (statestore.APPEND, b'{"stream": "history/x", "expectedSeq": -1}', 403),
            (statestore.READ, b'{"stream": "topic/onlynamespace"}', 403),
            (statestore.READ, b"[]", 400),
            (statestore.KV_GET, b'{"scope": {}, "key": "a"}', 403),
            (statestore.KV_SET, b'{"scope": {}, "key": "a"}', 404),
            (statestore.ENQUEUE, b'{"queue": "asyncinv"}', 403),
            (statestore.ENQUEUE, b'{"queue": "mq-egress-kafka"}', 400),
            (statestore.DEAD_LETTERS, b'{"queue": "asyncinv"}', 403),
            (statestore.LEASE, b'{"queue": "q"}', 404),
        ):
            url = controller + contract.statestore_target(path)
            response = await http.request("POST", url, body=body)
            assert response.status == code, await response.read()
            await response.aclose()
