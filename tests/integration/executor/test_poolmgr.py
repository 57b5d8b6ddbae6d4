"""A function gets an address: the plain path, updates, idleness and what is written behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from fission.api import objects, resources
from fission.contracts import executor as wire
from fission.executor import names
from fission.meta import gvk
from tests.integration.executor import world
from tests.support import waiting as waits


async def is_drained(here: world.World, address: str) -> bool:
    """The pod is out of the endpoints and knows when it ends."""
    metadata = (await here.labelled(address))["metadata"]
    left = "fission.io/served" not in metadata["labels"]
    return left and "fission.io/drain-until" in metadata["annotations"]


async def test_a_function_gets_a_pod_of_the_pool_and_the_pool_another(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(code="hello")
        address = await here.address(function)
        assert await here.call(address) == "hello"

        pod = await here.labelled(address)
        labels = pod["metadata"]["labels"]
        assert labels["managed"] == "false"
        assert labels["functionName"] == "hello"
        assert labels["functionUid"] == function.metadata.uid
        assert labels["fission.io/function-generation"] == "1"
        assert labels["fission.io/served"] == "true"
        annotations = pod["metadata"]["annotations"]
        assert annotations["functionResourceVersion"]
        assert len(annotations["executorInstanceId"]) == 8
        await here.ready_pods(2)

        load = here.node.pods[pod["metadata"]["uid"]].loads[0]
        assert load["filepath"] == "/userfunc/deployarchive"
        assert load["functionName"] == "hello.main"
        assert load["FunctionMetadata"]["uid"] == function.metadata.uid
        assert load["requestsPerPod"] == 1
        assert (await here.eventually(lambda: here.condition("hello")))["status"] == "True"


async def test_a_second_request_uses_the_pod_once_the_first_has_ended(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        first = await here.address(function)
        second = await here.address(function)
        assert second != first
        await here.untap(function, first)
        assert await here.address(function) == first


async def test_requests_share_a_pod_as_far_as_the_function_allows(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(requestsPerPod=3)
        addresses = await asyncio.gather(*(here.address(function) for _ in range(6)))
        assert len(set(addresses)) == 2
        assert max(addresses.count(one) for one in addresses) == 3


async def test_the_concurrency_limit_is_a_429_that_says_so(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(concurrency=1)
        await here.address(function)
        assert await here.ask(function) == (
            429,
            "function default/hello: concurrency '1' limit reached.",
        )


async def test_more_capacity_is_a_pod_that_the_router_does_not_know(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        first = await here.address(function)
        await here.untap(function, first)
        asked = {
            "function": objects.encode(function),
            "observedReadyEndpoints": 1,
            "observedBusyEndpoints": 1,
        }
        code, second = await here.post(wire.ENSURE_CAPACITY, json.dumps(asked).encode())
        assert (code, second != first) == (200, True)


async def test_an_updated_function_gets_a_new_pod_and_the_old_one_is_drained(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(code="one")
        old = await here.address(function)
        await here.labelled(old)
        updated = await here.update_function("hello", "two")
        new = await here.address(updated)
        assert await here.call(new) == "two"

        await here.eventually(lambda: is_drained(here, old))
        assert await here.call(old) == "one"


async def test_the_functions_service_selects_pods_of_its_generation(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        name = names.function_service_name("hello", function.metadata.uid)

        async def addresses() -> list[str]:
            found = await here.kube.list(
                gvk.ENDPOINTSLICES,
                "default",
                label_selector={"kubernetes.io/service-name": name},
            )
            return [
                f"{endpoint['addresses'][0]}:{slice_['ports'][0]['port']}"
                for slice_ in found.items
                for endpoint in slice_.get("endpoints") or ()
                if endpoint["conditions"]["ready"]
            ]

        address = await here.address(function)
        assert await here.eventually(addresses) == [address]
        (slice_,) = (
            await here.kube.list(
                gvk.ENDPOINTSLICES,
                "default",
                label_selector={"functionUid": function.metadata.uid},
            )
        ).items
        assert slice_["metadata"]["labels"]["functionName"] == "hello"
        newer = await here.address(await here.update_function("hello", "two"))

        async def has_moved() -> bool:
            return await addresses() == [newer]

        await here.eventually(has_moved)


async def test_a_deleted_function_takes_its_pods_and_service_with_it(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        await here.labelled(await here.address(function))
        await here.kube.delete(resources.FUNCTIONS, "hello", "default")

        async def is_gone() -> bool:
            pods = await here.list_pods(functionUid=function.metadata.uid)
            services = await here.kube.list(gvk.SERVICES, "default")
            return not pods and not any(
                one["metadata"]["name"].startswith("fn-") for one in services.items
            )

        await here.eventually(is_gone)
        code, text = await here.ask(function)
        assert (code, "does not exist" in text) == (404, True)


async def test_only_functions_with_pods_have_a_service(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        called = await here.create_function("called")
        await here.create_function("idle")
        await here.labelled(await here.address(called))

        async def service_names() -> list[str]:
            found = (await here.kube.list(gvk.SERVICES, "default")).items
            names = (one["metadata"]["name"] for one in found)
            return [name for name in names if name.startswith("fn-")]

        async def has_a_service() -> bool:
            return any("called" in name for name in await service_names())

        await here.eventually(has_a_service)
        assert len(await service_names()) == 1


async def test_an_idle_pod_is_given_back(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, reaper_interval_seconds=0.05) as here:
        await here.create_environment()
        function = await here.create_function(idletimeout=0)
        address = await here.address(function)
        await here.labelled(address)
        await here.untap(function, address)

        await here.eventually(lambda: is_drained(here, address))
        assert here.executor.cache.services() == []


async def test_a_pod_whose_clients_hold_websockets_is_kept(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, reaper_interval_seconds=0.05) as here:
        await here.create_environment()
        function = await here.create_function(idletimeout=1)
        address = await here.address(function)
        pod = await here.labelled(address)
        fetcher = here.node.pods[pod["metadata"]["uid"]].fetcher.pod
        fetcher.websockets.note(is_open=True)
        (service,) = here.executor.cache.services()
        used = service.last_used_at
        await here.untap(function, address)
        # It was idle for long enough, asked, and counts as used again.
        await waits.until(lambda: service.last_used_at - used > 1.0, 10)
        assert here.executor.cache.services() == [service]

        fetcher.websockets.note(is_open=False)
        await here.eventually(lambda: is_drained(here, address))


async def test_a_tap_of_an_unknown_address_is_a_404(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        address = await here.address(function)
        known = here.tap_body(function, f"http://{address}")
        unknown = here.tap_body(function, "http://127.9.9.9:8888")
        strange = known | {"FnExecutorType": "nobody"}
        for taps, code in (([known], 200), ([known, unknown], 404), ([strange, unknown], 500)):
            assert (await here.post(wire.TAP_SERVICES, json.dumps(taps).encode()))[0] == code


async def test_a_pod_serves_once_when_the_function_says_so(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(onceOnly=True)
        addresses = set()
        for _ in range(3):
            address = await here.address(function)
            await here.untap(function, address)
            addresses.add(address)
        assert len(addresses) == 3


async def test_functions_of_an_infinite_environment_share_its_pod(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(allowedFunctionsPerContainer="infinite")
        one = await here.create_function("one", code="one")
        two = await here.create_function("two", code="two")
        assert await here.address(one) == await here.address(two)
        (pod,) = here.node.pods.values()
        assert [load["filepath"] for load in pod.loads] == [
            f"/userfunc/{one.metadata.uid}",
            f"/userfunc/{two.metadata.uid}",
        ]
        newer = await here.update_function("one", "newer")
        await here.address(newer)
        assert (pod.folder / newer.metadata.uid).read_text() == "newer"


async def test_secrets_reach_the_function_and_changing_them_replaces_its_pods(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        reference = {"namespace": "default", "name": "password"}
        function = await here.create_function(configmaps=[reference])
        code, text = await here.ask(function)
        assert (code, text) == (
            404,
            "ConfigMap default/password of function default/hello does not exist",
        )
        config_map = {"metadata": {"name": "password"}, "data": {"value": "one"}}
        await here.kube.create(gvk.CONFIGMAPS, config_map, "default")
        maps = here.executor.catalog.config_maps.lister
        await waits.until(lambda: maps.get("default", "password"))
        address = await here.address(function)
        pod = await here.labelled(address)
        folder = here.node.pods[pod["metadata"]["uid"]].folder.parent
        assert (folder / "configmaps" / "default" / "password" / "value").read_text() == "one"

        await here.kube.patch(gvk.CONFIGMAPS, "password", {"data": {"value": "two"}}, "default")
        await here.eventually(lambda: is_drained(here, address))
        assert await here.address(function) != address


async def test_components_sign_their_calls(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, signed=True) as here:
        await here.create_environment()
        function = await here.create_function()
        assert await here.call(await here.address(function)) == "hello"
        response = await here.http.request(
            "POST", here.url + wire.GET_SERVICE_FOR_FUNCTION, body=wire.encode(function)
        )
        assert (response.status, await response.read()) == (401, b"")
        secret = await here.kube.get(gvk.SECRETS, "fission-internal-auth-keys", "default")
        assert set(secret["data"]) == {"fetcherKey", "builderKey", "storageKey"}
