import asyncio
import base64
import json
import re

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNCTION = "/apis/fission.io/v1/namespaces/default/functions/hello"
CREATE = ("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


@pytest.fixture(autouse=True)
def _environment(environment):
    """Every test has an environment."""


async def package_of(cluster, function="hello"):
    found = (await cluster.call("GET", FUNCTION.replace("hello", function))).body
    name = found["spec"]["package"]["packageref"]["name"]
    path = f"/apis/fission.io/v1/namespaces/default/packages/{name}"
    return found, (await cluster.call("GET", path)).body


async def test_a_function_from_creation_to_deletion(good, cluster):
    assert await good(*CREATE) == "Package 'hello-uid-1' created\nfunction 'hello' created\n"
    assert await good("fn", "list") == (
        "NAME  ENV    EXECUTORTYPE MINSCALE MAXSCALE MINCPU MAXCPU MINMEMORY MAXMEMORY"
        " SECRETS CONFIGMAPS READY  NAMESPACE\n"
        "hello python poolmgr      0        0        0      0      0         0        "
        "                    <none> default\n"
    )
    assert await good("fn", "get", "--name", "hello") == "def main():\n    return 'hello'\n"
    assert await good("fn", "getmeta", "--name", "hello") == (
        "Name:        hello\nEnvironment: python\nLabels:      <none>\n"
        "Annotations: <none>\nVersioning:  off\n"
    )
    assert await good("fn", "pods", "--name", "hello") == (
        "NAME NAMESPACE READY STATUS IP EXECUTORTYPE MANAGED SERVED VERSION\n"
    )
    assert await good("fn", "delete", "--name", "hello") == "function 'hello' deleted\n"
    assert (await cluster.call("GET", FUNCTION)).status == 404


async def test_what_is_written_is_what_others_expect(good, cluster):
    await good(*CREATE)

    function, package = await package_of(cluster)
    assert function["spec"] == {
        "environment": {"namespace": "default", "name": "python"},
        "package": {
            "packageref": {
                "namespace": "default",
                "name": "hello-uid-1",
                "resourceversion": package["metadata"]["resourceVersion"],
            }
        },
        "InvokeStrategy": {
            "StrategyType": "execution",
            "ExecutionStrategy": {"ExecutorType": "poolmgr", "SpecializationTimeout": 120},
        },
        "functionTimeout": 60,
        "idletimeout": 120,
        "concurrency": 500,
        "requestsPerPod": 1,
    }
    literal = base64.b64decode(package["spec"]["deployment"]["literal"])
    assert literal == b"def main():\n    return 'hello'\n"
    assert "status" not in package  # what it is, buildermgr finds out


async def test_an_environment_that_is_not_there_names_those_that_are(bad, cluster):
    assert await bad("fn", "create", "--name", "f", "--env", "pyton", "--code", "hello.py") == (
        'Error: environment "pyton" does not exist in namespace "default"'
        '\n  existing are python\n  did you mean "python"?'
    )
    packages = await cluster.call("GET", "/apis/fission.io/v1/packages")
    assert packages.body["items"] == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--env", "python"],
            "need --code or --sourcearchive or --deployarchive argument",
        ),
        (["--code", "hello.py"], "need --env argument\n  see those there are: fission env list"),
        (
            ["--env", "python", "--code", "hello.py", "--src", "other.py"],
            "--code and --sourcearchive exclude each other: --code is one file that runs as it is,"
            " --sourcearchive is built first",
        ),
        (
            ["--env", "python", "--src", "hello.py", "--buildcmd", "make; rm -r /"],
            "--buildcmd: build command 'make; rm -r /' contains ';': it is not run by a shell;"
            " put a script into the package and name that",
        ),
        (
            ["--env", "python", "--deploy", "hello.py", "--deploychecksum", "ab"],
            "--deploychecksum is for a URL; leave it out, of files it is computed",
        ),
        (
            ["--env", "python", "--src", "hello.py"],
            "environment 'python' has no builder\n  so --sourcearchive cannot be built\n"
            "  give it one with `fission env update --name python --builder <image>`, or hand over"
            " code that needs no build with --deployarchive",
        ),
        (
            ["--env", "python", "--code", "hello.py", "--fntimeout", "0"],
            "fntimeout must be greater than 0",
        ),
        (
            ["--env", "python", "--code", "hello.py", "--st", "5"],
            "specializationtimeout must be 120 seconds or more",
        ),
        (
            ["--env", "python", "--code", "hello.py", "--minscale", "2"],
            "to set target CPU or min/max scale for function, please specify"
            ' "--executortype newdeploy"',
        ),
        (
            ["--env", "python", "--code", "hello.py", "--executortype", "lambda"],
            'invalid executor type "lambda": valid values are poolmgr, newdeploy',
        ),
        (
            ["--env", "python", "--code", "hello.py", "--deploy", "other.py"],
            "--code and --deployarchive exclude each other",
        ),
        (
            ["--env", "python", "--code", "hello.py", "--streamingprotocol", "sse"],
            "flags of streaming need --streaming",
        ),
    ],
)
async def test_flags_that_make_no_function(bad, flags, message):
    assert await bad("fn", "create", "--name", "f", *flags) == f"Error: {message}"


async def test_a_function_that_exists_is_not_made_again_and_leaves_no_package(good, bad, cluster):
    await good(*CREATE)

    assert await bad(*CREATE) == (
        "Error: a function with the same name already exists\n  change it with `fission fn update`"
    )
    packages = await cluster.call("GET", "/apis/fission.io/v1/packages")
    assert len(packages.body["items"]) == 1


async def test_a_name_that_is_none_is_refused_before_anything_is_made(bad, cluster):
    message = await bad("fn", "create", "--name", "Hello", "--env", "python", "--code", "hello.py")

    assert message.startswith('Error: Function.fission.io "Hello" is invalid: metadata.name:')
    packages = await cluster.call("GET", "/apis/fission.io/v1/packages")
    assert packages.body["items"] == []


async def test_new_code_goes_into_the_package_and_points_the_function_at_it(good, cluster):
    await good(*CREATE)
    before, old = await package_of(cluster)

    out = await good("fn", "update", "--name", "hello", "--code", "other.py")

    after, new = await package_of(cluster)
    assert out == "Function 'hello' updated\n"
    assert new["metadata"]["name"] == old["metadata"]["name"]
    assert b"'other'" in base64.b64decode(new["spec"]["deployment"]["literal"])
    version = after["spec"]["package"]["packageref"]["resourceversion"]
    assert version == new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


async def test_an_update_ends_when_the_platform_has_seen_it(good, cluster):
    await good(*CREATE)

    async def see(generation):
        patch = {"status": {"observedGeneration": generation}}
        answer = await cluster.call(
            "PATCH", f"{FUNCTION}/status", patch, "application/merge-patch+json"
        )
        assert answer.status == 200, answer.body

    await see(1)
    updating = asyncio.create_task(good("fn", "update", "--name", "hello", "--ft", "7"))
    async with asyncio.timeout(5):
        while (await cluster.call("GET", FUNCTION)).body["metadata"]["generation"] < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert not updating.done()
    await see(2)

    assert await updating == "Function 'hello' updated\n"


async def test_only_what_is_given_changes(good, cluster):
    await good(*CREATE, "--concurrency", "7", "--secret", "s", "--streaming")

    await good("fn", "update", "--name", "hello", "--rpp", "5", "--streaming=false")

    spec = (await cluster.call("GET", FUNCTION)).body["spec"]
    assert (spec["concurrency"], spec["requestsPerPod"]) == (7, 5)
    assert spec["secrets"] == [{"namespace": "default", "name": "s"}]
    assert "streaming" not in spec


async def test_a_missing_secret_is_only_a_warning(good):
    assert (await good(*CREATE, "--secret", "s")).startswith(
        "Warning: Secret s does not exist in namespace default;"
        " the function cannot start without it\n"
    )


async def test_a_shared_package_is_not_changed_by_accident(good, bad, cluster):
    await good(*CREATE)
    await good("fn", "create", "--name", "twin", "--pkg", "hello-uid-1")

    assert await bad("fn", "update", "--name", "hello", "--code", "other.py") == (
        "Error: package is used by multiple functions, use --force to force update\n"
        "  all of them would run the new code: hello, twin"
    )
    await good("fn", "update", "--name", "hello", "--code", "other.py", "--force")

    hello, package = await package_of(cluster)
    twin, _ = await package_of(cluster, "twin")
    versions = {each["spec"]["package"]["packageref"]["resourceversion"] for each in (hello, twin)}
    assert versions == {package["metadata"]["resourceVersion"]}


async def test_switching_to_newdeploy_sets_a_scale(good, cluster):
    await good(*CREATE)
    await good("fn", "update", "--name", "hello", "--executortype", "newdeploy")

    spec = (await cluster.call("GET", FUNCTION)).body["spec"]
    execution = spec["InvokeStrategy"]["ExecutionStrategy"]
    assert execution["ExecutorType"] == "newdeploy"
    assert (execution["MinScale"], execution["MaxScale"]) == (1, 1)
    assert execution["TargetCPUPercent"] == 80


async def test_a_folder_becomes_one_archive(good, workdir, cluster):
    folder = workdir / "code"
    folder.mkdir()
    (folder / "main.py").write_text("x = 1\n")
    (folder / "lib.py").write_text("y = 2\n")

    await good(
        "fn",
        "create",
        "--name",
        "hello",
        "--env",
        "python",
        "--deploy",
        "code",
        "--entrypoint",
        "main.f",
    )

    function, package = await package_of(cluster)
    assert function["spec"]["package"]["functionName"] == "main.f"
    assert base64.b64decode(package["spec"]["deployment"]["literal"])[:4] == b"PK\x03\x04"


async def test_a_function_is_described(good):
    await good(*CREATE)

    described = await good("fn", "describe", "--name", "hello")

    assert re.sub(r"\d+s ago", "… ago", described).splitlines() == [
        "Name:        hello",
        "Namespace:   default",
        "Environment: python",
        "Executor:    poolmgr",
        "Package:     hello-uid-1",
        "Capacity:    up to 500 pods, 1 request at once in each; idle ones go after 120 s",
        "Invocable:   Yes (cold start on first call)",
        "Created:     … ago",
        "Labels:      <none>",
        "",
        "PACKAGE:",
        "NAME        BUILD_STATUS",
        "hello-uid-1 <none>",
        "",
        "PODS:",
        "<none>",
        "",
        "VERSIONING:",
        "Mode: off",
    ]


async def test_logs_need_a_pod(good, bad):
    await good(*CREATE)

    assert await bad("fn", "logs", "--name", "hello") == (
        "Error: no active pods found for function in namespace default\n"
        "  a pod starts with the first call, and goes when it is idle\n"
        "  call it: fission fn test --name hello"
    )


async def test_waiting_ends_when_a_condition_is_met(good, bad, cluster):
    await good(*CREATE)
    said = await bad("fn", "wait", "--name", "hello", "--for", "condition=Ready", "--timeout", "0s")
    assert said.startswith(
        "Error: timed out waiting for condition Ready=True on function/hello (last seen not set)\n"
    )
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "NotYet",
        "message": "soon",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }

    async def set_condition():
        await cluster.call(
            "PATCH",
            f"{FUNCTION}/status",
            {"status": {"conditions": [condition]}},
            "application/merge-patch+json",
        )

    await set_condition()
    said = await bad("fn", "wait", "--name", "hello", "--for", "condition=Ready", "--timeout", "0s")
    assert "(last seen False)\n  NotYet: soon\n" in said
    condition |= {"status": "True", "reason": "Ready", "message": "ok"}
    await set_condition()

    assert await good("fn", "wait", "--name", "hello", "--for", "condition=Ready") == (
        "function/hello condition met: Ready=True\n"
    )
    listed = json.loads(await good("fn", "list", "-o", "json"))
    assert listed[0]["status"]["conditions"] == [condition]


async def test_every_flag_of_the_executors_is_written_and_updated(good, cluster):
    await good(
        *CREATE,
        *("--concurrency", "4", "--requestsperpod", "3", "--onceonly", "--retainpods", "2"),
        *("--idletimeout", "0", "--specializationtimeout", "130", "--fntimeout", "7"),
        *("-e", "A=1", "--env-from-secret", "s/k:B", "--env-from-configmap", "m"),
    )

    spec = (await cluster.call("GET", FUNCTION)).body["spec"]
    strategy = spec["InvokeStrategy"]["ExecutionStrategy"]
    assert strategy == {"ExecutorType": "poolmgr", "SpecializationTimeout": 130}
    assert (spec["concurrency"], spec["requestsPerPod"], spec["retainPods"]) == (4, 3, 2)
    assert (spec["onceOnly"], spec["idletimeout"], spec["functionTimeout"]) == (True, 0, 7)
    assert [variable["name"] for variable in spec["env"]] == ["A", "B"]
    assert spec["envFrom"] == [{"configMapRef": {"name": "m"}}]

    printed = await good(
        *("fn", "update", "--name", "hello", "--executortype", "newdeploy", "--yolo=false"),
        *("--minscale", "0", "--maxscale", "5", "--targetcpu", "60", "-e", "A=2"),
        *("--mincpu", "100", "--maxmemory", "256"),
    )

    assert printed.splitlines() == [
        "Warning: flags of variables replace all of them; these are gone: B, those of ConfigMap m",
        "Function 'hello' updated",
    ]
    spec = (await cluster.call("GET", FUNCTION)).body["spec"]
    assert spec["InvokeStrategy"]["ExecutionStrategy"] == {
        "ExecutorType": "newdeploy",
        "MaxScale": 5,
        "TargetCPUPercent": 60,
        "SpecializationTimeout": 130,
    }
    assert spec["env"] == [{"name": "A", "value": "2"}]
    assert "envFrom" not in spec
    assert "onceOnly" not in spec
    assert spec["resources"] == {
        "requests": {"cpu": "100m"},
        "limits": {"cpu": "100m", "memory": "256Mi"},
    }
    assert "Capacity:    0 to 5 pods, scaled at 60 % CPU; idle ones go after 0 s\n" in await good(
        "fn", "describe", "--name", "hello"
    )
    await good("fn", "update", "--name", "hello", "--executortype", "poolmgr")
    spec = (await cluster.call("GET", FUNCTION)).body["spec"]
    assert spec["InvokeStrategy"]["ExecutionStrategy"] == {
        "ExecutorType": "poolmgr",
        "SpecializationTimeout": 130,
    }
