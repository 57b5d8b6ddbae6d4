import asyncio
import datetime
import io
import json
import re

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEST = ("fn", "test", "--name", "hello")
PODS = "/api/v1/namespaces/default/pods"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _function(environment, good, router):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


async def test_a_function_answers(good, router):
    assert await good(*TEST) == "hello\n"
    assert router.calls == [("GET", "/fission-function/hello", b"")]


async def test_a_call_has_method_headers_query_body_and_path(good, router):
    await good(*TEST, "--method", "post", "-H", "X-A: 1", "-q", "a=b c", "-b", "body",
               "--subpath", "x/y")  # fmt: skip

    assert router.calls == [("POST", "/fission-function/hello/x/y?a=b+c", b"body")]
    assert router.received["x-a"] == "1"
    assert "authorization" not in router.received


async def test_a_function_of_another_namespace_is_called_by_its_path(good, router, cluster):
    await cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "ns1"}})
    await good("env", "create", "--name", "python", "--image", "i", "-n", "ns1")
    await good("fn", "create", "--name", "f", "--env", "python", "--code", "hello.py", "-n", "ns1")

    await good("fn", "test", "--name", "f", "-n", "ns1")

    assert router.calls == [("GET", "/fission-function/ns1/f", b"")]


async def test_a_router_that_has_not_heard_of_the_function_yet_is_asked_again(good, router):
    router.misses = 2

    assert await good(*TEST) == "hello\n"


async def test_bytes_come_back_as_they_are(good, router):
    router.body = "ü\n".encode()

    assert await good(*TEST) == "ü\n"


async def test_the_request_id_is_beside_the_answer(fission, router):
    router.headers = (("X-Fission-Request-ID", "r-1"),)

    result = await fission(*TEST)

    assert (result.code, result.out, result.err) == (0, "hello\n", "Request ID: r-1\n")


async def test_an_error_of_the_function_is_shown_as_it_came(fission, router):
    router.status, router.body = 500, b"division by zero\n"

    result = await fission(*TEST)

    assert result.code == 1
    assert result.out == ""
    assert result.err == (
        '✗ function "hello" returned 500: division by zero\n'
        "Error: error getting function response\n"
    )


async def test_an_error_of_the_platform_says_which_part(fission, router):
    router.status = 429
    router.body = json.dumps(
        {"component": "executor", "reason": "capacity_exceeded", "requestId": "r", "traceId": ""}
    ).encode()

    result = await fission(*TEST)

    assert result.err.splitlines()[0] == (
        '✗ function "hello" failed in executor (capacity_exceeded) — status 429, request r'
    )


async def test_a_traceback_keeps_its_lines(fission, router):
    router.status = 500
    router.body = json.dumps(
        {
            "component": "executor",
            "reason": "specialization_failed",
            "requestId": "r",
            "traceId": "",
            "message": "Traceback:\n  line 1\nValueError: x\n",
        }
    ).encode()

    result = await fission(*TEST)

    assert result.err == (
        '✗ function "hello" failed in executor (specialization_failed) — status 500, request r:\n'
        "Traceback:\n  line 1\nValueError: x\n"
        "more of it: fission fn describe --name hello\n"
        "Error: error getting function response\n"
    )


async def test_a_wrong_secret_is_explained(fission, command_line, router):
    command_line.env["FISSION_INTERNAL_AUTH_SECRET"] = "another"

    result = await fission(*TEST)

    assert result.code == 1
    assert result.err.splitlines()[0] == (
        '✗ the call of "hello" was refused with status 401: it is not signed with this'
        " platform's secret; set FISSION_INTERNAL_AUTH_SECRET to it"
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--method", "GET", "--method", "PUT"], "--method: a call has exactly one"),
        (["-H", "nothing"], "--header 'nothing': want name:value"),
    ],
)
async def test_flags_that_make_no_call(bad, flags, message):
    assert await bad(*TEST, *flags) == f"Error: {message}"


async def test_a_function_that_is_not_there_is_not_called(bad, router):
    assert await bad("fn", "test", "--name", "helo") == (
        'Error: function "helo" does not exist in namespace "default"'
        '\n  existing are hello\n  did you mean "hello"?'
    )
    assert router.calls == []


async def make_pod(cluster, function, name, lines):
    """A pod of the function whose container printed lines of ``<seconds> <text>``."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {
                "functionUid": function["metadata"]["uid"],
                "functionName": "hello",
                "functionNamespace": "default",
                "environmentName": "python",
                "environmentNamespace": "default",
                "executorType": "poolmgr",
                "managed": "false",
                "fission.io/served": "true",
            },
        },
        "spec": {
            "nodeName": "here",
            "containers": [{"name": "python", "image": "p"}, {"name": "fetcher", "image": "f"}],
        },
    }
    made = (await cluster.call("POST", PODS, body)).body
    write_log(cluster, made, 0, lines)
    write_log(cluster, made, 0, ["00 fetched"], "fetcher")
    await set_status(cluster, name)
    return made


def write_log(cluster, pod, attempt, lines, container="python", year=2026):
    metadata = pod["metadata"]
    name = f"default_{metadata['name']}_{metadata['uid']}"
    path = cluster.server.config.home / "logs" / "pods" / name / container / f"{attempt}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for line in lines:
            seconds, _, text = line.partition(" ")
            file.write(f"{year}-01-01T00:00:{seconds}.000000000Z stdout F {text}\n")


async def set_status(cluster, name, restarts=0, **more):
    status = {
        "phase": "Running",
        "podIP": "127.1.2.3",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": each, "image": "i", "imageID": "i", "ready": True, "restartCount": restarts,
             "state": {"running": {}}, **more}
            for each in ("python", "fetcher")
        ],
    }  # fmt: skip
    answer = await cluster.call(
        "PATCH", f"{PODS}/{name}/status", {"status": status}, "application/merge-patch+json"
    )
    assert answer.status == 200, answer.body


async def delete_pod(cluster, name):
    await cluster.call("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")


@pytest_asyncio.fixture(loop_scope="module")
async def function(good):
    return json.loads(await good("fn", "getmeta", "--name", "hello", "-o", "json"))


@pytest_asyncio.fixture(loop_scope="module")
async def pod(cluster, function):
    """A pod of the function that printed three lines."""
    yield await make_pod(cluster, function, "hello-1", ["01 one", "03 two", "05 three"])
    await delete_pod(cluster, "hello-1")


@pytest_asyncio.fixture(loop_scope="module")
async def second_pod(cluster, function, pod):
    """Another that printed two lines between those of the first."""
    yield await make_pod(cluster, function, "hello-2", ["02 uno", "04 due"])
    await delete_pod(cluster, "hello-2")


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - another task makes it true
            await asyncio.sleep(0.005)


async def test_logs_are_what_the_users_container_printed(good, pod):
    assert await good("fn", "logs", "--name", "hello") == "one\ntwo\nthree\n"
    assert await good("fn", "log", "--name", "hello", "--recordcount", "1") == "three\n"
    assert (await good("fn", "logs", "--name", "hello", "--detail")).startswith(
        "=== Function=hello Pod=hello-1 Container=python Node=here\none\n"
    )


async def test_a_cause_that_is_told_is_not_repeated_from_the_logs(fission, pod, router):
    router.status = 500
    error = {"component": "executor", "reason": "specialization_failed", "message": "two"}
    router.body = json.dumps(error | {"requestId": "r", "traceId": ""}).encode()

    result = await fission(*TEST)

    assert "two" in result.err
    assert "three" not in result.out + result.err


async def test_a_failed_call_is_followed_by_the_logs(fission, pod, router):
    router.status, router.body = 500, b"broken"

    result = await fission(*TEST)

    assert result.out == "one\ntwo\nthree\n"
    assert result.err.startswith('✗ function "hello" returned 500: broken\n')


async def test_what_the_call_printed_is_not_mixed_with_what_was_printed_before(
    fission, cluster, pod, router
):
    router.status, router.body = 500, b"broken"
    write_log(cluster, pod, 0, [f"{number:02} of this call" for number in range(30)], year=2099)

    assert (await fission(*TEST)).out == "of this call\n" * 30


async def test_a_pod_may_get_its_labels_after_its_first_answer(fission, cluster, pod, router):
    router.status, router.body = 500, b"broken"
    labels = pod["metadata"]["labels"]
    path = f"{PODS}/hello-1"

    async def label(value):
        patch = {"metadata": {"labels": {"functionUid": value}}}
        await cluster.call("PATCH", path, patch, "application/merge-patch+json")

    await label("")
    running = asyncio.create_task(fission(*TEST))
    async with asyncio.timeout(5):
        while not router.calls:  # noqa: ASYNC110 - another task makes the call
            await asyncio.sleep(0.001)
    await label(labels["functionUid"])

    assert (await running).out == "one\ntwo\nthree\n"


async def test_pods_are_listed(good, pod):
    assert await good("fn", "pods", "--name", "hello") == (
        "NAME    NAMESPACE READY STATUS  IP        EXECUTORTYPE MANAGED SERVED VERSION\n"
        "hello-1 default   2/2   Running 127.1.2.3 poolmgr      false   true   <none>\n"
    )
    assert await good("env", "pods", "--name", "python") == (
        "NAME    NAMESPACE READY STATUS  IP        EXECUTORTYPE MANAGED\n"
        "hello-1 default   2/2   Running 127.1.2.3 poolmgr      false\n"
    )
    described = await good("fn", "describe", "--name", "hello")
    assert "Invocable:   Yes (1 of 1 warm pod(s) serving)\n" in described


async def test_pods_and_the_description_for_programs(good, pod):
    shown = await good("fn", "pods", "--name", "hello", "-o", "wide")
    assert shown.splitlines()[0].endswith("SERVED VERSION NODE RESTARTS AGE")
    assert " here 0        " in shown.splitlines()[1]
    assert await good("fn", "pods", "--name", "hello", "-o", "name") == "pod/hello-1\n"
    (listed,) = json.loads(await good("fn", "pods", "--name", "hello", "-o", "json"))
    assert listed["metadata"]["name"] == "hello-1"

    told = json.loads(await good("fn", "describe", "--name", "hello", "-o", "json"))
    assert told["invocable"] == "Yes (1 of 1 warm pod(s) serving)"
    assert told["function"]["metadata"]["name"] == "hello"
    assert [each["metadata"]["name"] for each in told["pods"]] == ["hello-1"]


async def test_a_pod_of_another_function_is_not_read(bad, pod):
    assert await bad("fn", "logs", "--name", "hello", "--pod", "other") == (
        'Error: pod "other" does not run this function\n  these do: hello-1'
    )


async def test_logs_of_all_pods_are_one_by_time(good, second_pod):
    assert await good("fn", "logs", "--name", "hello", "--all-pods") == (
        "[hello-1] one\n[hello-2] uno\n[hello-1] two\n[hello-2] due\n[hello-1] three\n"
    )
    assert await good("fn", "logs", "--name", "hello", "--all-pods", "-r", "--tail", "1") == (
        "[hello-1] three\n[hello-2] due\n"
    )
    assert await good("fn", "logs", "--name", "hello", "--pod", "hello-1", "--reverse") == (
        "three\ntwo\none\n"
    )
    assert await good("fn", "logs", "--name", "hello", "--pod", "hello-1", "--since", "5m") == ""


async def test_what_a_crash_left_is_shown_when_asked_for(fission, good, pod, cluster):
    write_log(cluster, pod, 1, ["09 four"])
    ended = {"terminated": {"reason": "Error", "exitCode": 3}}
    await set_status(cluster, "hello-1", restarts=1, lastState=ended)

    result = await fission("fn", "logs", "--name", "hello")

    assert result.out == "four\n"
    assert result.err == (
        "hello-1 was started again after it ended with Error (code 3); what it printed before:"
        " fission fn logs --name hello --pod hello-1 --previous\n"
    )
    assert await good("fn", "logs", "--name", "hello", "--previous") == "one\ntwo\nthree\n"


async def test_a_failed_call_shows_the_last_words_of_a_process_that_crashed(
    fission, pod, cluster, router
):
    write_log(cluster, pod, 1, ["09 again"])
    ended = {"terminated": {"reason": "Error", "exitCode": 3}}
    await set_status(cluster, "hello-1", restarts=1, lastState=ended)
    router.status, router.body = 502, b"broken"

    assert (await fission(*TEST)).out == "one\ntwo\nthree\nagain\n"


async def test_logs_are_followed_over_pods_that_come_and_restart(
    command_line, cluster, function, pod, good
):
    following = command_line.start("fn", "logs", "--name", "hello", "-f", "--tail", "1")
    await until(lambda: following.out == "three\n")
    write_log(cluster, pod, 0, ["06 four"])
    await until(lambda: following.out == "three\nfour\n")

    await make_pod(cluster, function, "hello-2", ["07 uno"])
    await until(lambda: following.out.endswith("[hello-2] uno\n"))
    write_log(cluster, pod, 0, ["08 last words"])
    write_log(cluster, pod, 1, ["09 again"])
    await set_status(cluster, "hello-1", restarts=1)
    await until(lambda: following.out.endswith("[hello-1] last words\n[hello-1] again\n"))

    await good("fn", "delete", "--name", "hello")
    await delete_pod(cluster, "hello-2")
    assert (await asyncio.wait_for(following.task, 10)).code == 0


async def test_following_waits_for_the_first_pod(command_line, cluster, function):
    following = command_line.start("fn", "logs", "--name", "hello", "-f")
    await until(lambda: following.err == "no pod runs the function yet; waiting for the first\n")

    await make_pod(cluster, function, "hello-3", ["01 here"])
    await until(lambda: following.out == "here\n")
    following.task.cancel()
    await asyncio.gather(following.task, return_exceptions=True)
    await delete_pod(cluster, "hello-3")


async def test_following_one_pod_ends_with_it(command_line, cluster, second_pod):
    following = command_line.start("fn", "logs", "--name", "hello", "-f", "--pod", "hello-1")
    await until(lambda: following.out == "one\ntwo\nthree\n")

    await delete_pod(cluster, "hello-1")
    assert (await asyncio.wait_for(following.task, 5)).code == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-f", "-r"], "--follow and --reverse exclude each other"),
        (["-f", "--previous"], "--follow and --previous exclude each other"),
        (["--dbtype", "loki"], 'unknown dbtype "loki": supported are kubernetes'),
        (["--since", "0s"], "--since must be greater than 0"),
    ],
)
async def test_flags_that_show_no_logs(bad, flags, message):
    assert await bad("fn", "logs", "--name", "hello", *flags) == f"Error: {message}"


async def test_a_body_may_be_a_files_or_standard_input(good, router, workdir, monkeypatch):
    (workdir / "body.bin").write_bytes(b"\x00\xff")
    await good(*TEST, "--method", "POST", "--body", "@body.bin")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    await good(*TEST, "--method", "POST", "-b", "-")

    assert [body for *_, body in router.calls] == [b"\x00\xff", b"piped"]


async def test_a_body_that_is_not_there_is_not_sent(bad, router):
    message = await bad(*TEST, "--body", "@nowhere")

    assert message.startswith("Error: ")
    assert "nowhere" in message
    assert router.calls == []


async def test_a_shorter_timeout_is_told_beside_the_answer(fission, router):
    result = await fission(*TEST, "--timeout", "5s")

    assert (result.out, result.err) == (
        "hello\n",
        "Warning: --timeout is shorter than the function's own limit of 60 seconds\n",
    )


async def test_a_verbose_call_tells_headers_times_and_its_cold_start(
    command_line, cluster, function, router
):
    router.headers = (("X-Fission-Request-ID", "r-1"),)
    calling = command_line.start(*TEST, "--verbose")
    await until(lambda: router.calls)
    made = await make_pod(cluster, function, "hello-1", [])
    start = {"at": "2026-01-01T00:00:00Z", "totalMs": 12.5,
             "steps": [{"name": "pod", "ms": 2}, {"name": "load", "ms": 10.5}]}  # fmt: skip
    patch = {"metadata": {"annotations": {"fission.io/cold-start": json.dumps(start)}}}
    path = f"{PODS}/{made['metadata']['name']}"
    await cluster.call("PATCH", path, patch, "application/merge-patch+json")

    result = await calling.task

    await delete_pod(cluster, "hello-1")
    assert (result.code, result.out) == (0, "hello\n")
    first, *headers, times, cold = result.err.splitlines()
    assert first == "Status: 200"
    assert "x-fission-request-id: r-1" in [each.lower() for each in headers]
    assert re.fullmatch(r"Time: [\d.]+ ms to the answer, [\d.]+ ms in all", times)
    assert cold == "Cold start: 12.5 ms (pod 2, load 10.5) in hello-1"


async def test_a_verbose_call_of_a_warm_function(fission, pod, router):
    result = await fission(*TEST, "-V")

    assert result.err.splitlines()[-1] == "Cold start: none was needed"


async def tell_of_death(cluster, function, when):
    metadata = function["metadata"]
    told = {
        "metadata": {"name": "death", "namespace": "default"},
        "involvedObject": {"kind": "Function", "name": "hello", "namespace": "default",
                           "uid": metadata["uid"]},
        "reason": "PodCrashed",
        "message": "container python of pod p ended with exit code 3: about to die",
        "lastTimestamp": when,
    }  # fmt: skip
    made = await cluster.call("POST", "/api/v1/namespaces/default/events", told)
    assert made.status == 201, made.body


async def test_a_call_that_its_pod_did_not_survive_shows_its_last_words(
    command_line, cluster, function, router, bad
):
    router.status = 500
    error = {"component": "function", "reason": "function_error", "message": "closed"}
    router.body = json.dumps(error | {"requestId": "r", "traceId": ""}).encode()
    calling = command_line.start(*TEST)
    await until(lambda: router.calls)
    now = datetime.datetime.now(datetime.UTC)
    await tell_of_death(cluster, function, now.strftime("%Y-%m-%dT%H:%M:%SZ"))

    result = await calling.task
    assert result.code == 1
    assert result.out == "container python of pod p ended with exit code 3: about to die\n"

    assert await bad("fn", "logs", "--name", "hello") == (
        "Error: no active pods found for function in namespace default\n"
        "  container python of pod p ended with exit code 3: about to die\n"
        "  call it: fission fn test --name hello"
    )
