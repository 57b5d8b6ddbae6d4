"""Source in, deployment archive out: the plain path, rebuilds, the cache, followers."""

from __future__ import annotations

import asyncio
import io
import os
import pathlib
import time
import zipfile

from fission.api import labels, package_types, resources
from fission.meta import gvk
from tests.integration.buildermgr import world
from tests.support import waiting as waits


async def test_a_source_is_built_and_its_functions_follow(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        package = await here.create_package("hello")
        function = await here.create_function("hello", package)
        staying = await here.create_function(
            "staying", package, annotations={"fission.io/disable-package-auto-follow": "true"}
        )
        built = await here.until_package("hello", "succeeded")
        assert built.status.build_log == "building\n"
        assert built.status.last_update_timestamp
        assert built.status.content_hash.startswith("sha256:")
        conditions = {one["type"]: one["status"] for one in built.status.conditions}
        assert conditions == {
            "BuildSucceeded": "True",
            "Ready": "True",
            "EnvironmentCurrent": "True",
        }
        deployment = built.spec.deployment
        assert deployment.url.startswith("http://storagesvc.fission/v1/archive?id=")
        assert deployment.checksum.type == "sha256"
        with zipfile.ZipFile(io.BytesIO(await here.archive(built))) as archive:
            assert sorted(archive.namelist()) == ["build.sh", "main.py"]

        followed = await here.kube.get(resources.FUNCTIONS, "hello", "default")
        version = followed["spec"]["package"]["packageref"]["resourceversion"]
        before = function["spec"]["package"]["packageref"]["resourceversion"]
        assert int(before) < int(version) <= int(built.metadata.resource_version)
        stayed = await here.kube.get(resources.FUNCTIONS, "staying", "default")
        assert stayed["spec"] == staying["spec"]

        pod = await here.builder_pod()
        await here.eventually(lambda: _is_clean(pod.packages))
        (told, *_) = await here.eventually(lambda: here.events("BuildSucceeded"))
        assert told["involvedObject"]["name"] == "hello"
        service = (await here.kube.list(gvk.SERVICES, "default", label_selector="envName")).items[0]
        assert service["metadata"]["name"] == (await here.deployments())[0]["metadata"]["name"]


async def test_the_same_build_again_is_answered_from_the_cache(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        package = await here.create_package("one")
        function = await here.create_function("one", package)
        first = await here.until_package("one", "succeeded")
        function = await here.kube.get(resources.FUNCTIONS, "one", "default")

        started_at = time.monotonic()
        await here.ask_for_build("one")
        again = await here.until_package("one", lambda p: here.count("cached") == 1)
        assert time.monotonic() - started_at < 2.0  # 30 ms where nobody else wants the processor
        assert again.spec.deployment == first.spec.deployment
        assert again.status.build_log.startswith("same source, build command and builder")
        assert (await here.kube.get(resources.FUNCTIONS, "one", "default")) == function

        # Another package with the same source is the same build.
        await here.create_package("two")
        twin = await here.until_package("two", "succeeded")
        assert twin.spec.deployment == first.spec.deployment
        await waits.until(lambda: (here.count("succeeded"), here.count("cached")) == (1, 2))

        # Asked for explicitly, it is built; once.
        await here.ask_for_build("one", no_cache="now")
        await here.until_package("one", lambda p: here.count("succeeded") == 2)
        await here.until_package("one", "succeeded")
        await here.ask_for_build("one")
        await here.until_package("one", lambda p: here.count("cached") == 3)

        # Whoever may write ConfigMaps leads no package to an archive of their own.
        (cache,) = (
            await here.kube.list(gvk.CONFIGMAPS, "default", label_selector=labels.BUILD_CACHE)
        ).items
        entries = {
            key: text.replace("http://storagesvc.fission/", "http://elsewhere/")
            for key, text in cache["data"].items()
        }
        await here.kube.patch(
            gvk.CONFIGMAPS, cache["metadata"]["name"], {"data": entries}, "default"
        )
        await here.ask_for_build("one")
        await here.until_package("one", lambda p: here.count("succeeded") == 3)
        again = await here.until_package("one", "succeeded")
        assert again.spec.deployment.url.startswith("http://storagesvc.fission/")

        # An archive that is gone is built anew.
        for path in (tmp_path / "archives").rglob("*"):
            if path.is_file():
                path.unlink()
        await here.ask_for_build("two")
        await here.until_package("two", lambda p: here.count("succeeded") == 4)
        caches = (await here.kube.list(gvk.CONFIGMAPS, "default")).items
        names = {one["metadata"]["name"] for one in caches if "labels" in one["metadata"]}
        assert names == {"fission-build-cache-python"}


async def test_another_source_or_command_is_another_build(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        package = await here.create_package("hello")
        first = await here.until_package("hello", "succeeded")
        await here.create_function("hello", package)

        script = world.COPY.replace("building", "building better")
        await here.update_package("hello", source=world.a_source(script))
        second = await here.until_package(
            "hello", lambda p: p.status.build_log == "building better\n" and _is_built(p)
        )
        assert second.spec.deployment != first.spec.deployment
        function = await here.kube.get(resources.FUNCTIONS, "hello", "default")
        version = function["spec"]["package"]["packageref"]["resourceversion"]
        assert int(version) > int(first.metadata.resource_version)

        await here.update_package("hello", buildcmd="./build.sh again")
        await here.until_package("hello", lambda p: _is_built(p) and int(p.metadata.generation) > 3)
        await waits.until(lambda: here.count("succeeded") == 3)


async def test_what_needs_no_build_is_said_to_need_none(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        ready = {"type": "literal", "literal": "eA=="}
        await here.create_package("both", deployment=ready)
        await here.create_package("empty", source={})
        package = await here.create_package("ready", source={}, deployment=ready)
        await here.create_function("ready", package)
        await here.until_package("both", "none")
        await here.until_package("ready", "none")
        empty = await here.until_package("empty", "failed")
        assert empty.status.build_log == "Both deploy and source archive are empty\n"

        # Other code in a package that is not built: its functions follow.
        changed = await here.update_package("ready", deployment=ready | {"literal": "eQ=="})
        await here.until_package("ready", lambda p: p.status.content_hash != "")

        async def follows() -> bool:
            function = await here.kube.get(resources.FUNCTIONS, "ready", "default")
            stamped = function["spec"]["package"]["packageref"]["resourceversion"]
            return bool(int(stamped) >= int(changed["metadata"]["resourceVersion"]))

        await here.eventually(follows)
        # Asked for, the one with a source is built.
        await here.ask_for_build("both")
        built = await here.until_package("both", "succeeded")
        assert built.spec.deployment.url


def _is_built(package: package_types.Package) -> bool:
    return package.status.build_status == package_types.SUCCEEDED


async def _is_clean(packages: pathlib.Path) -> bool:
    return set(await asyncio.to_thread(os.listdir, packages)) == {".fission-builder"}
