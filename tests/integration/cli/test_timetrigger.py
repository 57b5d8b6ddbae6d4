import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("timer", "create", "--name", "tick", "--function", "hello", "--cron", "0 30 2 * * *")
PATH = "/apis/fission.io/v1/namespaces/default/timetriggers/tick"
MERGE = "application/merge-patch+json"


def said(text):
    """Lines without the warning that there is no router here to tell the time."""
    return [line for line in text.splitlines() if not line.startswith("Warning: the server's time")]


@pytest.fixture
def fails(fission):
    async def run(*arguments):
        result = await fission(*arguments)
        assert result.code == 1, result.out
        return result.err

    return run


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _function(environment, good):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


async def test_a_timer_from_creation_to_deletion(good, cluster):
    made = said(await good(*CREATE, "--method", "get", "--subpath", "a"))
    assert made[0] == "trigger 'tick' created"
    assert made[1].startswith("Current Server Time: 20")
    assert made[2].startswith("Next 1 invocation: 20")
    assert made[2].endswith("T02:30:00Z")
    assert (await cluster.call("GET", PATH)).body["spec"] == {
        "cron": "0 30 2 * * *",
        "functionref": {"type": "name", "name": "hello"},
        "method": "GET",
        "subpath": "/a",
    }
    assert await good("tt", "list") == (
        "NAME CRON         FUNCTION_NAME METHOD SUBPATH READY\n"
        "tick 0 30 2 * * * hello         GET    /a      <none>\n"
    )
    changed = await good("timetrigger", "update", "--name", "tick", "--cron", "@every 2h")
    assert said(changed)[0] == "trigger 'tick' updated"
    assert said(changed)[1].startswith("Current Server Time: ")
    spec = (await cluster.call("GET", PATH)).body["spec"]
    assert (spec["cron"], spec["method"]) == ("@every 2h", "GET")
    assert await good("timer", "delete", "--name", "tick") == "trigger 'tick' deleted\n"


async def test_how_late_a_tick_may_be_is_an_annotation(good, cluster):
    await good(*CREATE, "--missedgrace", "1h")
    metadata = (await cluster.call("GET", PATH)).body["metadata"]
    assert metadata["annotations"]["fission.io/timer-missed-grace"] == "1h"
    await good("timer", "update", "--name", "tick", "--missedgrace", "-")
    metadata = (await cluster.call("GET", PATH)).body["metadata"]
    assert "fission.io/timer-missed-grace" not in metadata.get("annotations", {})


async def test_a_description_tells_of_ticks_and_deliveries(good, cluster):
    await good(*CREATE)
    state = {
        "cron": "0 30 2 * * *",
        "since": "2026-01-01T00:00:00Z",
        "lastFireTime": "2026-01-02T02:30:00Z",
        "nextFireTime": "2026-01-03T02:30:00Z",
        "missed": 2,
        "unknown": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "CronRegistered",
                "message": "its next time is known",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
        "delivery": {"delivered": 3, "failed": 1},
    }
    answer = await cluster.call("PATCH", f"{PATH}/status", {"status": state}, MERGE)
    assert answer.status == 200, answer.body

    shown = await good("timer", "get", "--name", "tick")
    waited = await good("timer", "wait", "--name", "tick", "--for", "condition=Ready")
    wide = await good("timer", "list", "-o", "wide")

    assert "2026-01-02T02:30:00Z 2026-01-03T02:30:00Z 2      1" in shown
    assert "its next time is known" in shown
    assert "<none>        3         1" in shown
    assert waited == "timetrigger/tick condition met: Ready=True\n"
    assert "NEXT_TICK" in wide
    assert "LAST_DELIVERY" in wide


async def test_a_timer_is_written_down(good):
    await good("spec", "init")
    shown = await good(*CREATE, "--dry")
    saved = await good(*CREATE, "--spec")
    assert "cron: 0 30 2 * * *" in shown
    assert saved.splitlines()[0] == "Saving TimeTrigger '/tick' to 'specs/timetrigger-0.yaml'"


async def test_a_schedule_is_shown_without_a_timer(good):
    lines = said(
        await good("timer", "showschedule", "--cron", "TZ=Asia/Tokyo 0 9 * * *", "--round", "3")
    )
    assert len(lines) == 4
    assert [line.rpartition("T")[2] for line in lines[1:]] == ["00:00:00Z"] * 3
    await good(*CREATE)
    lines = said(await good("timer", "show", "--name", "tick"))
    assert lines[1].endswith("T02:30:00Z")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "--name", "t", "--cron", "@daily"], 'required flag(s) "function" not set'),
        (["create", "--name", "t", "--function", "hello"], 'required flag(s) "cron" not set'),
        (
            ["create", "--name", "t", "--function", "hello", "--cron", "0 25 * * *"],
            'field hour "25": 25 is outside of 0-23',
        ),
        (
            ["create", "--name", "t", "--function", "x", "--cron", "@daily", "--method", "FETCH"],
            'Unsupported value: "FETCH"',
        ),
        (
            [
                *("create", "--name", "t", "--function", "x", "--cron", "@daily"),
                *("--missedgrace", "soon"),
            ],
            'invalid duration "soon"',
        ),
        (["update", "--name", "t"], "nothing to update"),
        (["update", "--name", "t", "--method", "PUT"], 'timer "t" does not exist'),
        (["showschedule"], "need either --cron or --name"),
        (["showschedule", "--cron", "@daily", "--round", "0"], "want 1 to 1000"),
    ],
)
async def test_mistakes(fails, arguments, message):
    assert message in await fails("timer", *arguments)


async def test_a_bad_schedule_is_told_before_anything_is_created(fails, cluster):
    await fails("timer", "create", "--name", "tick", "--function", "hello", "--cron", "* * *")
    assert (await cluster.call("GET", PATH)).status == 404


async def test_a_second_timer_of_the_name_and_a_function_that_is_missing(good, fails, cluster):
    await good(*CREATE)
    assert "already exists\n  change it with `fission timer update --name tick`" in await fails(
        *CREATE
    )
