"""Functions that run an image, by the command and through the controller."""

import pytest
import yaml

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNCTION = "/apis/fission.io/v1/namespaces/default/functions/web"
RUN = ("fn", "run-container", "--name", "web", "--image", "registry.example/web:1")


async def test_an_image_from_start_to_deletion(good, bad, cluster):
    assert await good(*RUN, "--port", "80", "-e", "A=1") == "function 'web' created\n"
    created = (await cluster.call("GET", FUNCTION)).body
    assert created["spec"] == {
        "environment": {"namespace": "default", "name": ""},
        "package": {"packageref": {"namespace": "", "name": ""}},
        "env": [{"name": "A", "value": "1"}],
        "InvokeStrategy": {
            "StrategyType": "execution",
            "ExecutionStrategy": {
                "ExecutorType": "container",
                "MinScale": 1,
                "MaxScale": 1,
                "TargetCPUPercent": 80,
                "SpecializationTimeout": 120,
            },
        },
        "functionTimeout": 60,
        "idletimeout": 120,
        "podspec": {
            "containers": [
                {
                    "name": "web",
                    "image": "registry.example/web:1",
                    "ports": [{"name": "http-env", "containerPort": 80}],
                }
            ],
            "terminationGracePeriodSeconds": 360,
        },
    }
    assert (await bad(*RUN)).startswith("Error: a function with the same name already exists")

    update = ("fn", "updatec", "--name", "web", "--image", "registry.example/web:2")
    assert await good(*update, "--maxscale", "3") == "Function 'web' updated\n"
    changed = (await cluster.call("GET", FUNCTION)).body
    [container] = changed["spec"]["podspec"]["containers"]
    assert container["image"] == "registry.example/web:2"
    assert container["ports"] == [{"name": "http-env", "containerPort": 80}]
    assert changed["spec"]["env"] == [{"name": "A", "value": "1"}]

    [_, row] = (await good("fn", "list")).splitlines()
    assert row.split() == ["web", "<none>", "container", "1", "3", *"0000", "<none>", "default"]
    assert (await good("fn", "getmeta", "--name", "web")).splitlines()[1] == "Environment: <none>"
    described = await good("fn", "describe", "--name", "web")
    assert "Image:     registry.example/web:2, port 80\n" in described
    assert "Invocable: No - no pod is ready yet" in described
    assert await good("fn", "get", "--name", "web") == ""
    assert await good("fn", "delete", "--name", "web") == "function 'web' deleted\n"


async def test_a_container_function_is_written_down(good, cluster):
    printed = await good(*RUN, "--dry", "--minscale", "0")

    [document] = yaml.safe_load_all(printed)
    assert document["spec"]["podspec"]["containers"][0]["image"] == "registry.example/web:1"
    assert (await cluster.call("GET", FUNCTION)).status == 404


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--port", "0"), "--port 0: must be 1 to 65535"),
        (("--args", "'"), '--args "\'": No closing quotation'),
        (
            ("--secret", "s", "--env-from-configmap", "m"),
            'Function.fission.io "web" is invalid: spec.secrets: Forbidden: not together with'
            " envFrom on the container executor; name it in envFrom, or leave out envFrom",
        ),
    ],
)
async def test_flags_that_run_no_image(bad, flags, message):
    assert await bad(*RUN, *flags) == f"Error: {message}"


async def test_what_is_not_there_is_a_warning(good):
    printed = await good(*RUN, "--env-from-secret", "s/key")

    assert printed.splitlines()[0] == (
        "Warning: Secret s does not exist in namespace default;"
        " the function cannot start without it"
    )


async def test_each_command_leaves_the_others_functions_alone(good, bad, environment):
    await good(*RUN)
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")

    assert await bad("fn", "update", "--name", "web", "--fntimeout", "5") == (
        "Error: this function runs an image\n  change it with `fission fn update-container`"
    )
    assert (await bad("fn", "update-container", "--name", "hello", "--port", "5")).startswith(
        "Error: executor type of this function is poolmgr, not container"
    )


async def test_a_description_tells_what_keeps_a_function_from_starting(good, cluster):
    await good(*RUN)
    function = (await cluster.call("GET", FUNCTION)).body["metadata"]
    marks = {"functionUid": function["uid"], "executorType": "container"}
    pods = "/api/v1/namespaces/default/pods"
    await cluster.call(
        "POST",
        pods,
        {
            "metadata": {"name": "web-1", "labels": marks},
            "spec": {"containers": [{"name": "web", "image": "x"}]},
        },
    )
    waiting = {"reason": "ErrImageNeverPull", "message": "no image x here"}
    container = {
        "name": "web",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": waiting},
    }
    state = {"status": {"phase": "Pending", "containerStatuses": [container]}}
    await cluster.call("PATCH", f"{pods}/web-1/status", state, "application/merge-patch+json")
    event = {
        "metadata": {"name": "web.1"},
        "involvedObject": {
            "kind": "Function",
            "namespace": "default",
            "name": "web",
            "uid": function["uid"],
        },
        "type": "Warning",
        "reason": "NotReady",
        "message": "no pod starts",
        "count": 3,
    }
    await cluster.call("POST", "/api/v1/namespaces/default/events", event)
    deployment = {
        "metadata": {
            "name": "container-web",
            "labels": marks,
            "annotations": {
                "fission.io/cold-start": '{"at":"2026-01-01T00:00:00Z","totalMs":250,'
                '"steps":[{"name":"scale","ms":10},{"name":"ready","ms":240}]}'
            },
        },
        "spec": {
            "selector": {"matchLabels": marks},
            "template": {
                "metadata": {"labels": marks},
                "spec": {"containers": [{"name": "web", "image": "x"}]},
            },
        },
    }
    made = await cluster.call("POST", "/apis/apps/v1/namespaces/default/deployments", deployment)
    assert made.status == 201, made.body

    described = await good("fn", "describe", "--name", "web")

    lines = [" ".join(line.split()) for line in described.splitlines()]
    reason = "ErrImageNeverPull no image x here"
    assert f"Invocable: No - pod web-1: container web: {reason}" in lines
    assert f"web-1 web 0 {reason}" in lines
    assert any(line.endswith("250 ms scale 10, ready 240 container-web") for line in lines)
    assert any(line.endswith("Warning NotReady function/web 3 no pod starts") for line in lines)
    assert "web-1 default 0/1 ErrImageNeverPull" in " ".join(
        (await good("fn", "pods", "--name", "web")).split()
    )
    assert await good("fn", "delete", "--name", "web")
