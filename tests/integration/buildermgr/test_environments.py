"""An environment's builder: made, kept, replaced, taken away."""

from __future__ import annotations

import pathlib
from typing import Any

from fission.meta import gvk
from tests.integration.buildermgr import world
from tests.support import waiting as waits


async def test_a_builder_is_replaced_when_what_it_is_made_of_changes(
    tmp_path: pathlib.Path,
) -> None:
    async with world.cluster(tmp_path, cache_storage="1Gi") as here:
        environment = await here.create_environment()
        await here.create_package("hello")
        await here.until_package("hello", "succeeded")
        name = f"python-{environment['metadata']['resourceVersion']}"
        assert [one["metadata"]["name"] for one in await here.deployments()] == [name]
        claim = await here.kube.get(
            gvk.PERSISTENTVOLUMECLAIMS, "fission-build-downloads", "default"
        )
        assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"

        # What does not concern the builder leaves it alone.
        await here.update_environment(poolsize=1)
        await here.ask_for_build("hello")
        await here.until_package("hello", lambda p: here.count("cached") == 1)
        assert [one["metadata"]["name"] for one in await here.deployments()] == [name]

        changed = await here.update_environment(builder={"image": "fission/test-builder-2"})
        renamed = f"python-{changed['metadata']['resourceVersion']}"

        async def replaced() -> bool:
            found = [one["metadata"]["name"] for one in await here.deployments()]
            return found == [renamed]

        await here.eventually(replaced)
        outdated = await here.until_package(
            "hello", lambda p: _environment_current(p) == ("False", "EnvironmentChanged")
        )
        assert outdated.status.build_status == "succeeded"
        told = await here.eventually(lambda: here.events("PackagesOutdated"))
        assert "before: hello;" in told[0]["message"]

        await here.ask_for_build("hello")
        await here.until_package("hello", lambda p: _environment_current(p) == ("True", "Current"))
        await waits.until(lambda: here.count("succeeded") == 2)

        await here.update_environment(builder={"image": ""})
        await here.eventually(lambda: _nothing_left(here))


async def _nothing_left(here: world.World) -> bool:
    chosen = {"owner": "buildermgr"}
    services = await here.kube.list(gvk.SERVICES, "default", label_selector=chosen)
    return not services.items and not await here.deployments()


def _environment_current(package: Any) -> tuple[str, str] | None:
    for one in package.status.conditions:
        if one["type"] == "EnvironmentCurrent":
            return one["status"], one["reason"]
    return None
