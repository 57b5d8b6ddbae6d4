"""Specs on a platform: applied, changed, shown, cut short anywhere and applied again, destroyed."""

import asyncio
import contextlib
import os
import pathlib
import random
import signal
import sys

import pytest
import pytest_asyncio
import yaml

from fission.api import resources
from tests.integration.cli import test_controller
from tests.support import commandline

pytestmark = pytest.mark.asyncio(loop_scope="module")

UID = "11111111-2222-3333-4444-555555555555"
NO_GIT = "The specs are not in a git repository.\n"
LARGE = random.Random(1).randbytes(300_000)
DEADLINE_SECONDS = 20
FUNCTIONS = 12


def an_object(kind, name, spec, namespace=""):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "fission.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def an_environment():
    return an_object("Environment", "python", {"version": 3, "runtime": {"image": "python-env"}})


def a_package(name="hello", archive="code"):
    environment = {"name": "python", "namespace": ""}
    deployment = {"type": "url", "url": f"archive://{archive}"}
    return an_object("Package", name, {"environment": environment, "deployment": deployment})


def an_archive(include="hello.py", name="code"):
    return {"kind": "ArchiveUploadSpec", "name": name, "include": [include]}


def a_function(name="hello", package="hello", **spec):
    return an_object(
        "Function",
        name,
        {
            "environment": {"name": "python", "namespace": ""},
            "package": {"packageref": {"name": package, "namespace": ""}, "functionName": "main"},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": "poolmgr"},
            },
            **spec,
        },
    )


def a_route(name="hello", function="hello"):
    reference = {"type": "name", "name": function}
    spec = {"relativeurl": f"/{name}", "methods": ["GET"], "functionref": reference}
    return an_object("HTTPTrigger", name, spec)


def a_timer(name="tick", function="hello"):
    reference = {"type": "name", "name": function}
    return an_object("TimeTrigger", name, {"cron": "@daily", "functionref": reference})


def an_application(**function):
    return [
        a_route(),
        a_timer(),
        a_function(**function),
        a_package(),
        an_archive(),
        an_environment(),
    ]


@pytest.fixture
def write(workdir):
    """Writes the specs: one file of documents."""
    specs = workdir / "specs"
    specs.mkdir()
    deployment = {"apiVersion": "fission.io/v1", "kind": "DeploymentConfig", "name": "shop"}
    (specs / "fission-deployment-config.yaml").write_text(
        yaml.safe_dump({**deployment, "uid": UID})
    )

    def put(*documents):
        (specs / "app.yaml").write_text(yaml.safe_dump_all(documents))

    return put


@pytest.fixture
def stored(cluster):
    """An object as it is stored, or None."""

    async def read(kind, name="hello", namespace="default"):
        resource = resources.BY_KIND[kind]
        answer = await cluster.call("GET", resource.path(namespace, name))
        return answer.body if answer.status == 200 else None

    return read


async def test_an_application_from_its_first_apply_to_its_end(good, write, stored, workdir):
    write(*an_application())
    assert await good("spec", "apply") == NO_GIT + (
        "1 environment created: python\n1 package created: hello\n"
        "1 function created: hello\n1 HTTPTrigger created: hello\n1 TimeTrigger created: tick\n"
    )
    assert await good("spec", "apply") == NO_GIT + "Everything up to date.\n"
    function = await stored("Function")
    assert function["metadata"]["annotations"] == {"fission-name": "shop", "fission-uid": UID}
    assert function["spec"]["environment"]["namespace"] == "default"

    (workdir / "hello.py").write_text("def main():\n    return 'hallo'\n")
    write(*an_application(functionTimeout=90))
    planned = await good("spec", "apply", "--dry-run")
    assert planned.splitlines()[1:] == [
        "~ Package default/hello would be updated",
        "    spec.deployment.literal: 31 bytes (sha256 b705d69d3917) → "
        "31 bytes (sha256 9dca9d924f4e)",
        "~ Function default/hello would be updated",
        "    + spec.functionTimeout: 90",
        "    + spec.package.packageref.resourceversion: (that of the new code)",
        "1 package would be updated: hello",
        "1 function would be updated: hello",
        "(dry run - no changes made)",
    ]
    assert await stored("Function") == function
    assert await good("spec", "apply") == NO_GIT + (
        "1 package updated: hello\n1 function updated: hello\n"
    )
    package, function = await stored("Package"), await stored("Function")
    reference = function["spec"]["package"]["packageref"]
    assert reference["resourceversion"] == package["metadata"]["resourceVersion"]
    assert function["spec"]["functionTimeout"] == 90

    listed = await good("spec", "list")
    assert [line for line in listed.splitlines() if line.endswith(":")] == [
        "Environments:",
        "Packages:",
        "Functions:",
        "HTTP Triggers:",
        "Time Triggers:",
    ]
    assert await good("spec", "destroy") == (
        "Deleted HTTPTrigger default/hello\nDeleted TimeTrigger default/tick\n"
        "Deleted Function default/hello\nDeleted Package default/hello\n"
        "Deleted Environment default/python\n"
    )
    assert await good("spec", "destroy") == "Nothing of application 'shop' is there.\n"
    assert await good("spec", "list") == (
        f"No objects of application {UID} in namespace default.\n"
    )


async def test_what_left_the_specs_is_deleted_where_that_is_asked_for(good, write, stored):
    write(*an_application())
    await good("spec", "apply")
    write(an_environment())
    assert await good("spec", "apply") == NO_GIT + "Everything up to date.\n"
    assert await good("spec", "apply", "--delete") == NO_GIT + (
        "Deleted HTTPTrigger default/hello\nDeleted TimeTrigger default/tick\n"
        "Deleted Function default/hello\nDeleted Package default/hello\n"
        "1 package deleted: hello\n1 function deleted: hello\n"
        "1 HTTPTrigger deleted: hello\n1 TimeTrigger deleted: tick\n"
    )
    assert await stored("Environment", "python") is not None


async def test_the_same_specs_in_another_namespace_are_left_alone(good, fission, write, stored):
    write(*an_application())
    await good("spec", "apply")
    await good("spec", "apply", "-n", "kube-public")
    write(an_environment())

    said = await fission("spec", "apply", "--delete", "-n", "kube-public")

    assert "5 objects of this application in default stay" in said.err
    assert await stored("Function", "hello", "kube-public") is None
    assert await stored("Function") is not None


async def test_everything_of_the_application_goes_with_force_wherever_it_is(good, write, stored):
    write(*an_application())
    await good("spec", "apply")
    write(an_environment())
    await good("spec", "destroy")
    assert await stored("Function") is not None
    await good("spec", "destroy", "--force")
    assert await stored("Function") is None


async def test_objects_of_others_are_taken_over_only_where_that_is_asked_for(
    good, fission, write, stored, environment
):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "other.py")
    write(*an_application())
    refused = await fission("spec", "apply")
    assert refused.code == 1
    assert "Environment default/python, Function default/hello" in refused.err
    assert "--allowconflicts" in refused.err
    assert await stored("Package") is None
    await good("spec", "apply", "--allowconflicts")
    assert (await stored("Function"))["metadata"]["annotations"]["fission-uid"] == UID
    assert await good("spec", "apply") == NO_GIT + "Everything up to date.\n"


async def test_namespaces_may_be_forced(good, write, stored):
    write(*an_application(), a_timer("elsewhere") | {"metadata": {"name": "x", "namespace": "a"}})
    await good("spec", "apply", "--force", "-n", "kube-public")
    for kind, name in (("Function", "hello"), ("TimeTrigger", "x"), ("Environment", "python")):
        assert await stored(kind, name, "kube-public") is not None
    assert "up to date" in await good("spec", "apply", "--force", "-n", "kube-public")


async def test_large_archives_are_sent_once(good, write, stored, platform, workdir):
    (workdir / "large.bin").write_bytes(LARGE)
    write(an_environment(), a_package(), an_archive("large.bin"), a_function())
    assert "uploading archive archive://code\n" in await good("spec", "apply")
    archive = (await stored("Package"))["spec"]["deployment"]
    again = await good("spec", "apply")
    assert again == NO_GIT + (
        "archive archive://code exists, not uploading\nEverything up to date.\n"
    )
    write(
        an_environment(),
        a_package(),
        a_package("twin", "same"),
        an_archive("large.bin"),
        an_archive("large.bin", "same"),
        a_function(),
        a_function("twin", "twin"),
    )
    assert "uploading archive" not in await good("spec", "apply")
    assert (await stored("Package", "twin"))["spec"]["deployment"] == archive


async def test_what_kubectl_wrote_is_the_same(good, cluster, write, stored):
    """The objects that ``kubectl apply`` sends, and those of ``spec apply``."""
    package = a_package()
    package["spec"]["deployment"] = {"type": "literal", "literal": "aGVsbG8="}
    objs = [an_environment(), package, a_function(), a_route(), a_timer()]
    for obj in objs:
        obj["metadata"]["namespace"] = "default"
        for part in ("environment",):
            if part in obj["spec"]:
                obj["spec"][part]["namespace"] = "default"
        if obj["kind"] == "Function":
            obj["spec"]["package"]["packageref"]["namespace"] = "default"
        path = resources.BY_KIND[obj["kind"]].path("default")
        answer = await cluster.call("POST", path, obj)
        assert answer.status == 201, answer.body
    before = {obj["kind"]: await stored(obj["kind"], obj["metadata"]["name"]) for obj in objs}
    write(*objs)
    await good("spec", "apply", "--allowconflicts")
    for obj in objs:
        there = await stored(obj["kind"], obj["metadata"]["name"])
        assert there["spec"] == before[obj["kind"]]["spec"]
        assert there["metadata"]["uid"] == before[obj["kind"]]["metadata"]["uid"]


async def test_an_object_that_is_refused_stops_what_depends_on_it_and_nothing_else(
    fission, write, stored
):
    write(
        an_environment(),
        a_package(),
        an_archive(),
        a_function(),
        a_function("bad", requestsPerPod=-1),
        a_route(),
    )
    refused = await fission("spec", "apply", "--validation", "false")
    assert refused.code == 1
    assert "1 object could not be written; 1 more were not begun" in refused.err
    assert "Function default/bad: " in refused.err
    assert await stored("Function") is not None
    assert await stored("HTTPTrigger") is None


controller = test_controller.controller


async def test_through_the_controller_it_is_the_same(cluster, write, workdir, controller):
    line = commandline.CommandLine(workdir, {"FISSION_URL": controller})
    write(*an_application())
    first = await line.run("spec", "apply")
    assert (first.code, first.err) == (0, "")
    again = await line.run("spec", "apply", "--delete")
    assert again.out == NO_GIT + "Everything up to date.\n"
    write(*an_application(functionTimeout=90))
    assert "1 function updated: hello" in (await line.run("spec", "apply")).out
    assert "Deleted Function default/hello" in (await line.run("spec", "destroy")).out


@pytest.fixture
def many(write):
    """Specs of many functions; ``suffix`` changes each of them."""

    def put(suffix, begin=0):
        documents = [an_environment(), an_archive()]
        for number in range(begin, begin + FUNCTIONS):
            name = f"many-{number:02}"
            documents += [a_package(name), a_route(name, name), a_timer(name, name)]
            documents.append(a_function(name, name, functionTimeout=60 + suffix))
        write(*documents)

    return put


@pytest_asyncio.fixture(loop_scope="module")
async def spec_state(cluster):
    """All that is there, without what differs from run to run."""

    async def read():
        found = {}
        for resource in resources.ALL:
            for obj in (await cluster.call("GET", resource.path())).body["items"]:
                spec = obj["spec"]
                reference = (spec.get("package") or {}).get("packageref") or {}
                reference.pop("resourceversion", None)
                found[resource.kind, obj["metadata"]["name"]] = (
                    spec,
                    obj["metadata"]["annotations"],
                )
        return found

    return read


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
async def test_a_run_that_is_ended_anywhere_is_finished_by_the_next(
    good, many, spec_state, command_line, workdir, how
):
    """Ended when so many objects are there, or gone; then again, and the state is the same."""
    draw = random.Random(f"{how}")
    many(0)
    await good("spec", "apply")
    many(1, begin=FUNCTIONS // 2)
    await good("spec", "apply", "--delete")
    expected = await spec_state()

    for _ in range(2):
        await good("spec", "destroy", "--force")
        many(0)
        await _ended(command_line, how, spec_state, workdir, draw.randrange(1, 4 * FUNCTIONS))
        await good("spec", "apply")
        many(1, begin=FUNCTIONS // 2)
        await _ended(command_line, how, spec_state, workdir, draw.randrange(1, 8 * FUNCTIONS))
        await good("spec", "apply", "--delete")
        assert "up to date" in await good("spec", "apply", "--delete")
        assert await spec_state() == expected


async def _ended(command_line, how, spec_state, workdir: pathlib.Path, changes):
    """Begin a run and end its process after so many changes, unless it is done before."""
    before = await spec_state()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fission.cli.main",
        "spec",
        "apply",
        "--delete",
        env={**os.environ, **command_line.env},
        cwd=workdir,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        while process.returncode is None:
            now = await spec_state()
            changed = sum(now.get(key) != before.get(key) for key in {*now, *before})
            if changed >= changes:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(how)
                break
            await asyncio.sleep(0)
        await process.wait()
