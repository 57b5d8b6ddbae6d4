import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = (
    *("canary", "create", "--name", "c", "--httptrigger", "hello"),
    *("--newfunction", "v2", "--oldfunction", "v1"),
)
PATH = "/apis/fission.io/v1/namespaces/default/canaryconfigs/c"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _route(environment, good):
    for name in ("v1", "v2"):
        await good("fn", "create", "--name", name, "--env", "python", "--code", "hello.py")
    weighted = ("--function", "v2", "--function", "v1", "--weight", "0", "--weight", "100")
    await good("route", "create", "--name", "hello", "--url", "/hello", *weighted)


async def test_a_canary_from_creation_to_deletion(good, cluster):
    assert await good(*CREATE) == "canary config 'c' created\n"
    assert (await cluster.call("GET", PATH)).body["spec"] == {
        "trigger": "hello",
        "newfunction": "v2",
        "oldfunction": "v1",
        "weightincrement": 20,
        "duration": "2m",
        "failurethreshold": 10,
        "failureType": "status-code",
    }
    assert await good("canary-config", "list") == (
        "NAME TRIGGER FUNCTION-N FUNCTION-N-1 WEIGHT-INCREMENT INTERVAL FAILURE-THRESHOLD"
        " FAILURE-TYPE STATUS  READY\n"
        "c    hello   v2         v1           20               2m       10               "
        " status-code  pending <none>\n"
    )
    update = ("canary", "update", "--name", "c", "--step", "50", "--internal", "30s")
    assert await good(*update, "--threshold", "0") == "canary config 'c' updated\n"
    found = (await cluster.call("GET", PATH)).body
    spec = found["spec"]
    assert (spec["weightincrement"], spec["duration"]) == (50, "30s")
    assert spec.get("failurethreshold", 0) == 0
    assert found["metadata"]["generation"] == 2
    assert "pending" in await good("canary", "get", "--name", "c", "-o", "wide")
    assert await good("canary", "delete", "--name", "c") == "canary config 'c' deleted\n"


async def test_a_canary_is_written_down_without_asking_for_its_route(good):
    text = await good(
        *("canary", "create", "--name", "c", "--httptrigger", "nowhere"),
        *("--newfn", "v2", "--oldfn", "v1", "--dry"),
    )
    assert "kind: CanaryConfig" in text
    assert "newfunction: v2" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--step", "0"], "--increment-step 0: want 1 to 100"),
        (["--threshold", "101"], "spec.failurethreshold: Invalid value: 101: must be 0 to 100"),
        (["--internal", "10ms"], 'spec.duration: Invalid value: "10ms": must be 1s or more'),
        (["--newfunction", "v1"], 'spec.newfunction: Invalid value: "v1": must not be oldfunction'),
        (["--newfunction", "v3"], "HTTP trigger 'hello' has no weight of v3\n  it calls v1 and v2"),
        (["--httptrigger", "x"], 'HTTP trigger "x" does not exist in namespace "default"'),
    ],
)
async def test_what_makes_no_canary(bad, flags, message):
    assert message in await bad(*CREATE, *flags)


async def test_a_route_to_one_function_says_how_it_gets_both(good, bad):
    await good("route", "create", "--name", "one", "--url", "/one", "--function", "v1")
    said = await bad(*CREATE, "--httptrigger", "one")
    assert "fission route update --name one --function v2 --function v1" in said


async def test_a_condition_is_waited_for(good, cluster):
    await good(*CREATE)
    body = (await cluster.call("GET", PATH)).body
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    body["status"] = {"status": "succeeded", "conditions": [condition]}
    await cluster.call("PUT", f"{PATH}/status", body)
    said = await good("canary", "wait", "--name", "c", "--for", "condition=Ready")
    assert said == "canaryconfig/c condition met: Ready=True\n"
    assert "succeeded True" in await good("canary", "list")
