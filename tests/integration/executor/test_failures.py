"""What a function's owner is told when something is in the way, and that it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from fission.api import labels, resources
from fission.meta import gvk
from tests.integration.executor import world


async def test_a_function_that_does_not_load_is_reported_with_its_traceback(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(code="SyntaxError")
        answer = await here.ask(function)
        assert answer == (500, "Traceback:\nSyntaxError: invalid syntax")
        code, text = await here.ask(function)  # told again, and no other pod is worn out
        assert (code, text.splitlines()[1]) == (500, "SyntaxError: invalid syntax")
        assert "the next try is in 1 s" in text

        async def is_told() -> bool:
            condition = await here.condition("hello")
            return condition.get("reason") == "SpecializationFailed"

        await here.eventually(is_told)
        condition = await here.condition("hello")
        assert condition["status"] == "False"
        assert condition["message"] == "Traceback:\nSyntaxError: invalid syntax"

        async def events() -> list[world.Obj]:
            found = await here.kube.list(gvk.EVENTS, "default")
            return [one for one in found.items if one["reason"] == "SpecializationFailed"]

        (event,) = await here.eventually(events)
        assert event["involvedObject"]["name"] == "hello"
        assert "SyntaxError" in event["message"]

        await here.ready_pods(2)
        fixed = await here.update_function("hello", "fixed")
        assert await here.call(await here.address(fixed)) == "fixed"
        await here.eventually(lambda: _is_ready(here))


async def _is_ready(here: world.World) -> bool:
    return (await here.condition("hello")).get("status") == "True"


async def test_the_pod_of_a_function_that_did_not_load_is_not_used_again(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=1)
        bad = await here.create_function("bad", code="SyntaxError")
        good = await here.create_function("good", code="good")
        await here.ready_pods(1)
        (before,) = await here.list_pods(managed="true")
        assert (await here.ask(bad))[0] == 500
        assert await here.call(await here.address(good)) == "good"

        async def is_gone() -> bool:
            uids = {pod["metadata"]["uid"] for pod in await here.list_pods()}
            return before["metadata"]["uid"] not in uids

        await here.eventually(is_gone)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"environment": {"namespace": "other", "name": "python"}}, "environment"),
        (
            {"package": {"packageref": {"namespace": "other", "name": "theirs"}}},
            "package.packageref",
        ),
        ({"secrets": [{"namespace": "other", "name": "theirs"}]}, "secrets[0]"),
    ],
)
async def test_nothing_of_another_namespace_is_run_or_shown(
    tmp_path: Path, spec: world.Obj, field: str
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(**spec)
        message = (
            f'spec.{field}.namespace: Invalid value: "other": must be the object\'s own, "default"'
        )
        assert await here.ask(function) == (400, message)

        async def is_told() -> bool:
            return (await here.condition("hello")).get("message") == message

        await here.eventually(is_told)
        assert (await here.condition("hello"))["reason"] == "ForeignReference"


async def test_a_missing_environment_is_named_with_those_that_exist(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment("python")
        await here.create_environment("node")
        reference = {"namespace": "default", "name": "pyton"}
        function = await here.create_function(environment=reference)
        message = (
            "environment default/pyton of function default/hello does not exist; "
            "there are node, python"
        )
        assert await here.ask(function) == (404, message)

        async def is_told() -> bool:
            condition = await here.condition("hello")
            return condition.get("message") == message

        await here.eventually(is_told)
        assert (await here.condition("hello"))["reason"] == "EnvironmentNotFound"
        await here.create_environment("pyton")
        assert await here.call(await here.address(function)) == "hello"
        await here.eventually(lambda: _is_ready(here))


async def test_an_environment_that_may_have_no_pods_is_an_error_not_a_wait(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path, hopeless_seconds=0.2, extra_pods=0) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function()
        assert await here.ask(function) == (
            500,
            "environment default/python has poolsize 0: it keeps no pod that could take a function",
        )


async def test_pods_that_cannot_start_are_an_error_that_says_why(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, hopeless_seconds=0.2) as here:
        here.node.accepts = lambda pod: False
        await here.create_environment()
        function = await here.create_function()
        code, text = await here.ask(function)
        assert code == 500
        assert text == (
            "environment default/python has no pod for the function: its pods cannot start: "
            "container python: ErrImagePull no image matches nowhere/at-all"
        )
        assert (await here.condition("hello"))["reason"] in ("NoPod", "Ready")


async def test_other_executor_types_are_refused_by_name(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        function.spec.invoke_strategy.execution_strategy.executor_type = "elsewhere"
        assert await here.ask(function) == (
            400,
            "executor type 'elsewhere' of function default/hello is not supported; "
            "supported: container, newdeploy, poolmgr",
        )


async def test_an_executor_type_left_out_is_poolmgr(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        strategy = {"StrategyType": "execution", "ExecutionStrategy": {"ExecutorType": ""}}
        function = await here.create_function(InvokeStrategy=strategy)
        assert await here.call(await here.address(function)) == "hello"


async def test_a_package_that_is_not_there_or_not_built_is_named(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        await here.kube.delete(resources.PACKAGES, "hello-pkg", "default")

        async def is_missed() -> bool:
            return (await here.condition("hello", "PackageReady")).get("status") == "False"

        await here.eventually(is_missed)
        assert await here.ask(function) == (
            404,
            "package default/hello-pkg of function default/hello does not exist",
        )
        package = {
            "metadata": {"name": "hello-pkg", "namespace": "default"},
            "spec": {
                "environment": {"namespace": "default", "name": "python"},
                "source": {"type": "literal", "literal": "eA=="},
            },
        }
        await here.kube.create(
            resources.PACKAGES,
            package | {"apiVersion": "fission.io/v1", "kind": "Package"},
        )
        code, text = await here.ask(function)
        assert (code, "cannot be loaded: its build status is 'pending'" in text) == (500, True)


async def test_a_body_that_is_no_function_is_refused(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        for body in (b"", b"{", b"[]", b'{"metadata": 1}'):
            assert (await here.post("/v2/getServiceForFunction", body))[0] == 400
        response = await here.http.request("GET", here.url + "/v2/getServiceForFunction")
        assert response.status == 405
        for path in ("/healthz", "/readyz", "/metrics", "/v2/debugInfo"):
            response = await here.http.request("GET", here.url + path)
            assert response.status == 200
            await response.read()


async def test_a_runtime_that_ended_takes_its_pod_with_it(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        address = await here.address(function)
        pod = await here.labelled(address)
        statuses = pod["status"]["containerStatuses"]
        for one in statuses:
            if one["name"] == "python":
                one["restartCount"] = 1
                ended = {
                    "exitCode": 137,
                    "reason": "OOMKilled",
                    "finishedAt": "2026-01-01T00:00:00Z",
                }
                one["lastState"] = {"terminated": ended}
        await here.kube.patch(
            gvk.PODS,
            pod["metadata"]["name"],
            {"status": {"containerStatuses": statuses}},
            "default",
            subresource="status",
        )

        async def is_out() -> bool:
            serving = {
                one["metadata"]["uid"]
                for one in await here.list_pods()
                if labels.SERVED in one["metadata"]["labels"]
            }
            return pod["metadata"]["uid"] not in serving

        # It says that it is ready, so calls may be in it: it leaves the endpoints and drains.
        await here.eventually(is_out)

        async def is_told() -> bool:
            told = (await here.kube.list(gvk.EVENTS, "default")).items
            return any(
                one["reason"] == "OOMKilled" and one["involvedObject"]["name"] == "hello"
                for one in told
            )

        await here.eventually(is_told)
        assert await here.address(function) != address
