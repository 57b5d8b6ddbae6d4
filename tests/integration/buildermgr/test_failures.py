"""Whatever goes wrong: the source's fault is told at once, the platform's is tried again."""

from __future__ import annotations

import asyncio
import pathlib

from fission.api import resources
from fission.meta import gvk
from tests.integration.buildermgr import world
from tests.support import waiting as waits

ONCE = """#!/bin/sh
echo "attempt"
if [ ! -e {mark} ]; then touch {mark}; sleep 60; fi
cp -r "$SRC_PKG" "$DEPLOY_PKG"
"""
"""Hangs the first time."""


def hangs_once(folder: pathlib.Path) -> str:
    return ONCE.format(mark=folder / "seen")


async def test_the_sources_fault_is_final_until_the_source_changes(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        await here.create_package("bad", "#!/bin/sh\necho no such module >&2; exit 3\n")
        failed = await here.until_package("bad", "failed")
        assert failed.status.build_log == (
            "no such module\nbuild command './build.sh' failed with exit code 3\n"
        )
        await waits.until(lambda: here.count("failed") == 1)
        assert failed.status.conditions[0]["reason"] == "BuildFailed"
        (told, *_) = await here.eventually(lambda: here.events("BuildFailed"))
        assert "exit code 3" in told["message"]

        await here.update_package("bad", buildcmd="./build.sh | tee log")
        await here.until_package(
            "bad", lambda p: p.status.conditions[0]["reason"] == "BadBuildCommand"
        )
        await here.update_package("bad", buildcmd="./build.sh", source=world.a_source(world.COPY))
        good = await here.until_package("bad", "succeeded")

        # A broken successor leaves what works in its place.
        await here.update_package("bad", source=world.a_source("#!/bin/sh\nexit 1\n"))
        worse = await here.until_package("bad", "failed")
        assert worse.spec.deployment == good.spec.deployment
        ready = next(one for one in worse.status.conditions if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("True", "ServesPreviousBuild")

        bad_sum = {"type": "sha256", "sum": "0" * 64}
        url = "http://storagesvc.fission/v1/archive?id=%2Fnowhere"
        source = {"type": "url", "url": url, "literal": None, "checksum": bad_sum}
        await here.update_package("bad", source=source)
        await here.until_package(
            "bad", lambda p: p.status.conditions[0]["reason"] == "ArchiveRefused"
        )


async def test_what_is_missing_is_named_and_waited_for(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path, hopeless_timeout_seconds=0.2) as here:
        await here.create_package("early")
        failed = await here.until_package("early", "failed")
        assert failed.status.build_log == "environment default/python does not exist\n"

        await here.create_environment(image="")
        failed = await here.until_package(
            "early", lambda p: p.status.conditions[0]["reason"] == "NoBuilder"
        )
        assert "has no builder image" in failed.status.build_log

        here.node.refusal = {
            "reason": "MissingNeed",
            "message": "image test-builder needs java: apt-get install default-jdk-headless",
        }
        await here.update_environment(builder={"image": "fission/test-builder"})
        failed = await here.until_package(
            "early",
            lambda p: (
                p.status.conditions[0]["reason"] == "BuilderNotReady"
                and p.status.build_status == "failed"
            ),
        )
        assert "apt-get install default-jdk-headless" in failed.status.build_log

        here.node.refusal = None
        await here.update_environment(builder={"image": "fission/test-builder-2"})
        await here.until_package("early", "succeeded")


async def test_a_builder_killed_in_the_middle_is_asked_again(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path, own_process=True) as here:
        await here.create_environment()
        await here.create_package("hello", hangs_once(tmp_path))
        await here.until_package("hello", lambda p: "attempt" in p.status.build_log)
        pod = await here.builder_pod()
        assert pod.process is not None
        pod.process.kill()
        await pod.process.wait()
        await here.node.restart_builder(pod.name)
        built = await here.until_package("hello", "succeeded")
        assert built.status.build_log.count("attempt\n") == 2
        assert "the build runs again (attempt 2 of 8)" in built.status.build_log
        # More than once, when it was asked before it had cleaned up after its earlier life.
        await waits.until(lambda: here.count("platform") >= 1 and here.count("succeeded") == 1)

        await here.ask_for_build("hello", no_cache="now")
        await here.until_package("hello", lambda p: here.count("succeeded") == 2)
        again = await here.until_package("hello", "succeeded")
        assert "runs again" not in again.status.build_log


async def test_a_build_is_taken_up_by_the_next_buildermgr(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        await here.create_package("hello", hangs_once(tmp_path))
        await here.until_package("hello", lambda p: p.status.build_log == "attempt\n")
        await here.stop_buildermgr()
        assert (await here.package("hello")).status.build_status == "running"
        await here.start_buildermgr()
        built = await here.until_package("hello", "succeeded")
        again = "attempt\nbuildermgr was started again; the build runs again\nattempt\n"
        assert built.status.build_log == again
        await waits.until(lambda: here.count("succeeded") == 1)


async def test_a_hanging_build_is_cut_off_and_its_log_kept(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        limit = {"name": "BUILD_TIMEOUT_SECONDS", "value": "1.5"}
        await here.create_environment(container={"env": [limit]})
        await here.create_package("slow", "#!/bin/sh\necho before; sleep 60 & sleep 60\n")
        running = await here.until_package("slow", lambda p: p.status.build_log)
        assert (running.status.build_status, running.status.build_log) == ("running", "before\n")
        failed = await here.until_package("slow", "failed")
        assert failed.status.build_log.startswith("before\nthe build was cut off after 1.5 s")
        assert failed.status.conditions[0]["reason"] == "BuildTimeout"


async def test_a_source_that_changes_meanwhile_wins(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        await here.create_package("hello", "#!/bin/sh\necho old; sleep 60\n")
        await here.until_package("hello", lambda p: "old" in p.status.build_log)
        script = world.COPY.replace("building", "new")
        await here.update_package("hello", source=world.a_source(script))
        built = await here.until_package("hello", "succeeded")
        assert built.status.build_log == "new\n"

        # And so does a build that is asked for while one runs.
        await here.update_package("hello", source=world.a_source(hangs_once(tmp_path)))
        await here.until_package("hello", lambda p: "attempt" in p.status.build_log)
        await here.ask_for_build("hello")
        built = await here.until_package("hello", "succeeded")
        assert built.status.build_log == "attempt\n"


async def test_a_package_that_is_deleted_ends_its_build(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        script = f"#!/bin/sh\necho $$ > {tmp_path}/pid; echo started; sleep 60\n"
        await here.create_package("gone", script)
        await here.until_package("gone", lambda p: p.status.build_log)
        pid = int((tmp_path / "pid").read_text())
        await here.kube.delete(resources.PACKAGES, "gone", "default")
        await waits.until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), seconds=10)


async def test_storage_that_is_away_is_waited_for(tmp_path: pathlib.Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        await here.builder_pod()

        async def serve(*, ready: bool) -> None:
            found = await here.kube.get(gvk.ENDPOINTSLICES, "storagesvc", "fission")
            found["endpoints"][0]["conditions"] = {"ready": ready}
            await here.kube.replace(gvk.ENDPOINTSLICES, found)

        await serve(ready=False)
        await here.create_package("hello")
        waiting = await here.until_package("hello", lambda p: p.status.build_log)
        assert waiting.status.build_log == (
            "storagesvc has no ready pod; the build runs again (attempt 2 of 8)\n"
        )
        await serve(ready=True)
        built = await here.until_package("hello", "succeeded")
        assert built.status.build_log.endswith("again (attempt 2 of 8)\nbuilding\n")


async def test_of_several_buildermgrs_one_works_and_the_next_takes_over(
    tmp_path: pathlib.Path,
) -> None:
    async with world.cluster(tmp_path, leader_election=True) as here:
        await here.create_environment()
        await here.create_package("one")
        await here.until_package("one", "succeeded")
        first, counted = here.running, here.registry
        await here.start_buildermgr()
        assert first is not None
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await here.create_package("two", world.COPY.replace("building", "second"))
        built = await here.until_package("two", "succeeded")
        assert built.status.build_log == "second\n"
        await waits.until(lambda: here.count("succeeded") == 1)
        assert here.registry is not counted
