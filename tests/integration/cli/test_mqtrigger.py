import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("mqt", "create", "--name", "orders", "--function", "hello", "--topic", "in")
PATH = "/apis/fission.io/v1/namespaces/default/messagequeuetriggers/orders"
MERGE = "application/merge-patch+json"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _function(environment, good):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


async def test_a_trigger_from_creation_to_deletion(good, cluster):
    made = await good(
        *CREATE, "--resptopic", "out", "--metadata", "bootstrapServers=k:9092", "--secret", "kafka"
    )
    assert made == "trigger 'orders' created\n"
    assert (await cluster.call("GET", PATH)).body["spec"] == {
        "functionref": {"type": "name", "name": "hello"},
        "messageQueueType": "kafka",
        "topic": "in",
        "respTopic": "out",
        "contentType": "application/json",
        "pollingInterval": 30,
        "cooldownPeriod": 300,
        "minReplicaCount": 0,
        "maxReplicaCount": 100,
        "metadata": {"bootstrapServers": "k:9092"},
        "secret": "kafka",
        "mqtkind": "keda",
    }
    changed = await good(
        "mqtrigger",
        "update",
        "--name",
        "orders",
        "--maxretries",
        "3",
        "--metadata",
        "sasl=plaintext",
    )
    assert changed == "message queue trigger 'orders' updated\n"
    spec = (await cluster.call("GET", PATH)).body["spec"]
    assert (spec["maxRetries"], spec["metadata"]) == (
        3,
        {"bootstrapServers": "k:9092", "sasl": "plaintext"},
    )
    header, row = (await good("mqt", "list")).splitlines()
    assert " ".join(header.split()) == (
        "NAME FUNCTION_NAME MESSAGE_QUEUE_TYPE TOPIC RESPONSE_TOPIC ERROR_TOPIC MAX_RETRIES"
        " PUB_MSG_CONTENT_TYPE READY NAMESPACE"
    )
    assert " ".join(row.split()) == "orders hello kafka in out 3 application/json <none> default"
    assert await good("mqt", "delete", "--name", "orders") == "trigger 'orders' deleted\n"


async def test_what_keda_does_not_know_is_read_by_the_platform(good, cluster):
    await good(*CREATE, "--mqtype", "statestore")
    assert (await cluster.call("GET", PATH)).body["spec"]["mqtkind"] == "fission"


async def test_deliveries_are_shown_and_waited_for(good, cluster):
    await good(*CREATE)
    state = {
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Subscribed",
                "message": "the topic is read",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
        "delivery": {"delivered": 7, "failed": 1, "lag": 5},
    }
    answer = await cluster.call("PATCH", f"{PATH}/status", {"status": state}, MERGE)
    assert answer.status == 200, answer.body
    shown = await good("mqt", "get", "--name", "orders")
    assert "the topic is read" in shown
    assert "<none>        7         1      5" in shown
    waited = await good("mqt", "wait", "--name", "orders", "--for", "condition=Ready")
    assert waited == "messagequeuetrigger/orders condition met: Ready=True\n"
    assert "LAST_DELIVERY" in await good("mqt", "list", "-o", "wide")


async def test_a_trigger_is_written_down(good):
    await good("spec", "init")
    saved = await good(*CREATE, "--spec")
    assert (
        saved.splitlines()[0] == "Saving MessageQueueTrigger '/orders' to 'specs/mqtrigger-0.yaml'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "--name", "w"], 'required flag(s) "function", "topic" not set'),
        ([*CREATE[1:], "--resptopic", "in"], "listen topic should not equal to response topic"),
        ([*CREATE[1:], "--mqtype", "pigeons"], "unsupported message queue type"),
        ([*CREATE[1:], "--topic", "a b"], "invalid topic for kafka"),
        ([*CREATE[1:], "--metadata", "x"], "--metadata 'x': want key=value"),
        ([*CREATE[1:], "--function", "nobody"], "nobody"),
        (["update", "--name", "orders"], "nothing changed"),
    ],
)
async def test_mistakes_are_told(bad, arguments, message):
    assert message in await bad("mqt", *arguments)
