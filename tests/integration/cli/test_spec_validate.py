"""``spec validate`` with a platform, and what the creates write taken by the API as it is."""

import pytest
import yaml

from fission.api import resources
from tests.unit.cli import test_specfiles

pytestmark = pytest.mark.asyncio(loop_scope="module")

UID = "11111111-2222-3333-4444-555555555555"


async def test_names_that_others_have_are_told_before_anything_is_written(good, bad, workdir):
    await good("env", "create", "--name", "python", "--image", "python-env")
    await good("spec", "init", "--name", "shop", "--deployid", UID)
    await good("env", "create", "--name", "python", "--image", "python-env", "--spec")
    create = ("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")
    await good(*create, "--secret", "keys", "--configmap", "settings", "--spec")

    function = workdir / "specs" / "function-0.yaml"
    function.write_text(
        function.read_text()
        + "  env:\n  - name: A\n    valueFrom: {secretKeyRef: {name: k, key: a}}\n"
        "  envFrom:\n  - configMapRef: {name: more}\n  - secretRef: {name: o, optional: true}\n"
    )

    refused = await bad("spec", "validate")
    allowed = await good("spec", "validate", "--allowconflicts")

    conflict = (
        "specs/env-0.yaml:1: Environment default/python exists already, that no application owns;"
        " rename yours, or use --allowconflicts"
    )
    assert refused.splitlines()[-2:] == ["Error: the specs have 1 error", f"  {conflict}"]
    lines = allowed.splitlines()
    assert lines[0] == f"DeployUID: {UID}"
    assert lines[11] == f"Warning: {conflict}"
    assert [line.partition(": spec.")[2] for line in lines[12:16]] == [
        "secrets[0].name: Secret keys does not exist in namespace default",
        "configmaps[0].name: ConfigMap settings does not exist in namespace default",
        "env[0].valueFrom.secretKeyRef.name: Secret k does not exist in namespace default",
        "envFrom[0].configMapRef.name: ConfigMap more does not exist in namespace default",
    ]
    assert lines[16:] == ["Validation Successful"]


async def test_an_applied_application_stays_valid(good, workdir):
    await good("spec", "init", "--name", "shop", "--deployid", UID)
    await good("env", "create", "--name", "python", "--image", "python-env", "--spec")
    await good("spec", "apply")

    assert (await good("spec", "validate")).splitlines()[-2:] == [
        " * 0 ArchiveUploadSpec",
        "Validation Successful",
    ]


async def test_what_is_on_the_platform_goes_on_as_files(good, bad, workdir):
    await good("env", "create", "--name", "python", "--image", "python-env")
    create = ("fn", "create", "--env", "python", "--code", "hello.py", "--name")
    await good(*create, "hello", "--labels", "a=b", "--secret", "s")
    await good(*create, "other")
    await good("watch", "create", "--name", "pods", "--function", "hello")
    await good("spec", "init", "--name", "shop", "--deployid", UID)

    missing = await bad("spec", "save", "--function", "helo")
    one = await good("spec", "save", "--function", "hello")
    rest = await good("spec", "save")
    again = await good("spec", "save")

    assert missing.startswith("Error: there is no function helo")
    assert [line.split()[1] for line in one.splitlines()] == ["Package", "Function", "become"]
    kinds = [line.split()[1] for line in rest.splitlines()]
    assert kinds == ["Environment", "Package", "Function", "KubernetesWatchTrigger", "become"]
    assert again == "Nothing to save: the specs have everything.\n"
    document = yaml.safe_load((workdir / "specs" / "function-0.yaml").read_text())
    assert document["metadata"] == {"name": "hello", "labels": {"a": "b"}}
    reference = document["spec"]["package"]["packageref"]
    assert (reference["namespace"], set(reference)) == ("", {"name", "namespace"})
    await good("spec", "apply", "--allowconflicts")
    applied = await good("spec", "apply")
    assert applied.splitlines()[-1] == "Everything up to date."
    assert (await good("spec", "validate")).endswith("Validation Successful\n")


async def test_what_the_creates_write_is_taken_strictly_by_the_api(good, workdir, cluster):
    (workdir / "app").mkdir()
    (workdir / "app" / "main.py").write_text("def main(): pass\n")
    for create in test_specfiles.CREATES.values():
        text = await good(*create, "-n", "default", "--dry")
        for document in yaml.safe_load_all(text):
            if document["kind"] == "ArchiveUploadSpec":
                continue
            resource = resources.BY_KIND[document["kind"]]
            path = f"{resource.path('default')}?fieldValidation=Strict"
            answer = await cluster.call("POST", path, document)
            assert answer.status == 201, (create, answer.body)
