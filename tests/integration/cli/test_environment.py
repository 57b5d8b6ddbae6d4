import json

import pytest

from fission.api import environment_types, labels, objects, package_builds

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = "\N{MULTIPLICATION SIGN}"
CREATE = ("env", "create", "--name", "python", "--image", "fission/python-env")


async def test_an_environment_from_creation_to_deletion(good):
    assert await good(*CREATE) == ("poolsize setting default to 3\nenvironment 'python' created\n")
    assert await good("env", "get", "--name", "python") == (
        "NAME   IMAGE\npython fission/python-env\n"
    )
    assert await good("env", "list") == (
        "NAME   IMAGE              BUILDER_IMAGE POOLSIZE MINCPU MAXCPU MINMEMORY MAXMEMORY"
        " EXTNET GRACETIME NAMESPACE\n"
        "python fission/python-env               3        0      0      0         0        "
        " false  90        default\n"
    )
    assert await good(
        "env", "update", "--name", "python", "--poolsize", "1", "--mincpu", "100"
    ) == ("environment 'python' updated\n")
    found = json.loads(await good("env", "get", "--name", "python", "-o", "json"))
    assert found["spec"]["poolsize"] == 1
    assert found["spec"]["resources"] == {"limits": {"cpu": "100m"}, "requests": {"cpu": "100m"}}
    assert found["spec"]["runtime"]["image"] == "fission/python-env"
    assert found["metadata"]["generation"] == 2
    assert await good("env", "delete", "--name", "python") == "environment 'python' deleted\n"
    assert await good("env", "list", "-o", "json") == "[]\n"


async def test_an_environment_that_exists_is_not_made_again(good, bad):
    await good(*CREATE)

    assert await bad(*CREATE) == (
        "Error: environment 'python' already exists\n"
        "  change it with `fission env update --name python`"
    )


async def test_one_that_is_not_there_names_those_that_are(good, bad):
    assert await bad("env", "get", "--name", "pyton") == (
        'Error: environment "pyton" does not exist in namespace "default"'
        "\n  there is none yet\n  create one with `fission env create`"
    )
    await good(*CREATE)
    await good("env", "create", "--name", "node", "--image", "n", "--poolsize", "1")

    assert await bad("env", "get", "--name", "pyton") == (
        'Error: environment "pyton" does not exist in namespace "default"'
        '\n  existing are node, python\n  did you mean "python"?'
    )


async def test_deleting_what_is_not_there_may_be_fine(fission):
    result = await fission("env", "delete", "--name", "python", "--ignorenotfound")

    assert (result.code, result.out) == (0, "")


async def test_an_environment_in_use_stays(good, bad):
    await good(*CREATE)
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")

    assert await bad("env", "delete", "--name", "python") == (
        "Error: environment is used by at least one function\n  by hello\n"
        "  delete them first, or use --force"
    )
    await good("env", "create", "-n", "kube-public", *CREATE[2:])
    assert await good("env", "delete", "-n", "kube-public", "--name", "python") == (
        "environment 'python' deleted\n"
    )
    assert await good("env", "delete", "--name", "python", "-f") == (
        "environment 'python' deleted\n"
    )


async def test_version_one_has_no_builders(bad):
    assert await bad(*CREATE, "--version", "1", "--builder", "b") == (
        "Error: version 1 Environments do not support builders\n"
        "  create one with --version 3, which is the default"
    )


async def test_fields_that_are_not_known_survive_an_update(good, cluster):
    await good(*CREATE)
    path = "/apis/fission.io/v1/namespaces/default/environments/python"
    await cluster.call(
        "PATCH",
        path,
        {"spec": {"runtime": {"podspec": {"tolerations": [{"key": "gpu"}]}}}},
        "application/merge-patch+json",
    )

    await good("env", "update", "--name", "python", "--image", "mine/python")

    spec = (await cluster.call("GET", path)).body["spec"]
    assert spec["runtime"]["image"] == "mine/python"
    assert spec["runtime"]["podspec"]["tolerations"] == [{"key": "gpu"}]


async def test_a_namespace_that_is_not_there_is_named(bad):
    expected = "make it with: kubectl create namespace nowhere"

    assert (await bad(*CREATE, "-n", "nowhere")).endswith(expected)
    assert (await bad("env", "get", "--name", "python", "-n", "nowhere")).endswith(expected)


async def test_namespaces_are_apart(good, cluster):
    await cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "ns1"}})
    await good(*CREATE, "-n", "ns1")

    assert json.loads(await good("env", "list", "-o", "json")) == []
    (found,) = json.loads(await good("env", "list", "-A", "-o", "json"))
    assert found["metadata"]["namespace"] == "ns1"


async def test_an_update_names_the_packages_that_were_built_before_it(good, cluster):
    await good(*CREATE, "--builder", "fission/python-builder")
    await good("pkg", "create", "--name", "shop", "--env", "python", "--src", "hello.py")
    await good("pkg", "create", "--name", "other", "--env", "python", "--src", "hello.py")
    path = "/apis/fission.io/v1/namespaces/default/environments/python"
    raw = (await cluster.call("GET", path)).body
    environment = objects.decode(environment_types.Environment, raw)
    built = package_builds.BuiltWith(
        inputs=package_builds.Inputs(),
        environment_hash=package_builds.environment_hash(environment),
        deployment="sha256:1",
    )
    shop = "/apis/fission.io/v1/namespaces/default/packages/shop"
    patch = {"metadata": {"annotations": {labels.BUILT_WITH: package_builds.annotation(built)}}}
    await cluster.call("PATCH", shop, patch, "application/merge-patch+json")

    assert await good("env", "update", "--name", "python", "--poolsize", "1") == (
        "environment 'python' updated\n"
    )
    assert await good("env", "update", "--name", "python", "--builder-env", "A=b") == (
        "environment 'python' updated\n"
        "Built with the environment as it was: shop; they go on as they are. To build one anew:"
        " fission pkg rebuild --name <package> --nocache\n"
    )


async def test_outdated_packages_can_be_listed(good, cluster):
    await good(*CREATE, "--builder", "fission/python-builder")
    for name, current in (("old", "False"), ("new", "True")):
        await good("pkg", "create", "--name", name, "--env", "python", "--src", "hello.py")
        condition = {
            "type": "EnvironmentCurrent",
            "status": current,
            "reason": "x",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        path = f"/apis/fission.io/v1/namespaces/default/packages/{name}/status"
        patch = {"status": {"conditions": [condition]}}
        await cluster.call("PATCH", path, patch, "application/merge-patch+json")

    found = json.loads(await good("pkg", "list", "--outdated", "-o", "json"))

    assert [one["metadata"]["name"] for one in found] == ["old"]


async def test_a_pod_shows_what_it_waits_for(good, cluster):
    await good(*CREATE)
    path = "/apis/fission.io/v1/namespaces/default/environments/python"
    uid = (await cluster.call("GET", path)).body["metadata"]["uid"]
    marks = {
        "environmentName": "python",
        "environmentNamespace": "default",
        "environmentUid": uid,
        "executorType": "poolmgr",
    }
    pods = "/api/v1/namespaces/default/pods"
    spec = {"containers": [{"name": "python", "image": "x"}]}
    await cluster.call("POST", pods, {"metadata": {"name": "p", "labels": marks}, "spec": spec})
    waiting = {"reason": "ErrImageNeverPull", "message": "there is no such image"}
    status = {
        "phase": "Pending",
        "containerStatuses": [
            {
                "name": "python",
                "image": "x",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": waiting},
            }
        ],
    }
    await cluster.call(
        "PATCH", f"{pods}/p/status", {"status": status}, "application/merge-patch+json"
    )

    shown = await good("env", "pods", "--name", "python")

    assert "0/1   ErrImageNeverPull" in shown


async def test_the_check_names_each_part_that_is_not_there(good, fission, cluster):
    shown = await good("check")
    assert f"{BAD} no Fission is installed in namespace fission\n" in shown

    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "a", "image": "i"}]},
        },
    }
    await cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "fission"}})
    deployments = "/apis/apps/v1/namespaces/fission/deployments"
    made = {"metadata": {"name": "router"}, "spec": spec}
    assert (await cluster.call("POST", deployments, made)).status == 201

    shown = await good("check")

    assert f"{BAD} router: 0 of 1 pods are ready\n  `fission support dump`" in shown
    for name in ("buildermgr", "executor", "mqtrigger", "storagesvc"):
        assert f"{BAD} {name}: there is no deployment of it in namespace fission\n" in shown
    assert (await fission("check", "--exit-code")).code == 1
    await cluster.call("DELETE", f"{deployments}/router")


async def test_the_check_before_an_installation_is_of_kubernetes(fission):
    shown = await fission("check", "--pre", "--exit-code")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(
        "kubernetes-version\n--------------------\n\N{SQUARE ROOT} Kubernetes is v1."
    )


async def test_who_wants_it_quiet_reads_results_alone(good):
    create = ("env", "create", "--name", "python", "--image", "i", "--poolsize", "0")

    assert await good(*create, "--quiet") == ""
    assert await good("--quiet", "env", "list", "-o", "name") == "environment.fission.io/python\n"
    assert await good("-v", "0", "env", "delete", "--name", "python") == ""
