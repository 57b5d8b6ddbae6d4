import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("watch", "create", "--name", "pods", "--function", "hello")
PATH = "/apis/fission.io/v1/namespaces/default/kuberneteswatchtriggers/pods"
MERGE = "application/merge-patch+json"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _function(environment, good):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


async def test_a_watch_from_creation_to_deletion(good, cluster):
    made = await good(*CREATE, "--type", "deployments.apps", "--labelselector", "b=2,a=1")
    assert made == "trigger 'pods' created\n"
    assert (await cluster.call("GET", PATH)).body["spec"] == {
        "namespace": "default",
        "type": "deployments.apps",
        "labelselector": {"a": "1", "b": "2"},
        "functionref": {"type": "name", "name": "hello"},
    }
    assert await good("w", "list") == (
        "NAME NAMESPACE OBJTYPE          LABELS  FUNCTION_NAME READY\n"
        "pods default   deployments.apps a=1,b=2 hello         <none>\n"
    )
    assert await good("watch", "delete", "--name", "pods") == "trigger 'pods' deleted\n"


async def test_pods_are_watched_where_nothing_else_is_named(good, cluster):
    await good(*CREATE)

    assert (await cluster.call("GET", PATH)).body["spec"]["type"] == "pod"


async def test_a_description_tells_of_deliveries_and_gaps(good, cluster):
    await good(*CREATE)
    state = {
        "conditions": [
            {
                "type": "Subscribed",
                "status": "True",
                "reason": "Subscribed",
                "message": "the watch of pods is open",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
        "delivery": {"delivered": 3, "failed": 0},
        "lastGap": {"at": "2026-01-01T00:00:00Z", "message": "history was gone"},
    }
    answer = await cluster.call("PATCH", f"{PATH}/status", {"status": state}, MERGE)
    assert answer.status == 200, answer.body

    shown = await good("watch", "get", "--name", "pods")
    waited = await good("watch", "wait", "--name", "pods", "--for", "condition=Subscribed")
    wide = await good("watch", "list", "-o", "wide")

    assert "the watch of pods is open" in shown
    assert "<none>        3         0      <none>" in shown
    assert shown.splitlines()[-1].endswith("ago): history was gone")
    assert waited == "kuberneteswatchtrigger/pods condition met: Subscribed=True\n"
    assert "LAST_DELIVERY" in wide


async def test_a_watch_is_written_down_with_its_namespace(good):
    await good("spec", "init")

    shown = await good(*CREATE, "--dry")
    saved = await good(*CREATE, "--spec")

    assert "  namespace: default\n" in shown
    assert (
        saved.splitlines()[0]
        == "Saving KubernetesWatchTrigger 'default/pods' to 'specs/kubewatch-0.yaml'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "--name", "w"], 'required flag(s) "function" not set'),
        (
            ["create", "--function", "hello", "--name", "w", "--type", "pods/log"],
            'KubernetesWatchTrigger.fission.io "w" is invalid: spec.type: Unsupported value:'
            ' "pods/log": supported values: "pod", "service", "replicationcontroller", "job",'
            ' "<resource>", "<resource>.<group>"',
        ),
        (
            ["create", "--function", "hello", "--name", "w", "--labelselector", "web"],
            "invalid labels: 'web' is not key=value",
        ),
        (
            ["delete", "--name", "w"],
            'watch trigger "w" does not exist in namespace "default"'
            "\n  there is none yet\n  create one with `fission watch create`",
        ),
    ],
)
async def test_what_is_refused(bad, arguments, message):
    assert await bad("watch", *arguments) == f"Error: {message}"


async def test_a_second_watch_of_a_name_and_a_missing_function_are_told(good, bad):
    shown = await good("watch", "create", "--name", "w", "--function", "nobody")
    refused = await bad("watch", "create", "--name", "w", "--function", "hello")

    assert shown.startswith("Warning: function 'nobody' does not exist in namespace 'default'\n")
    assert refused == (
        "Error: trigger 'w' already exists\n  delete it first with `fission watch delete --name w`"
    )
