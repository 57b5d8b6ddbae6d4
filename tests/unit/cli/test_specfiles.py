import textwrap

import pytest


@pytest.fixture
def code(tmp_path):
    (tmp_path / "hello.py").write_text("def main():\n    return 'hi'\n")
    return tmp_path


def test_a_dry_run_prints_what_would_be_created(fission):
    result = fission("route", "create", "--name", "r", "--url", "hello", "--function", "f", "--dry")

    assert result.code == 0
    assert result.out == textwrap.dedent(
        """\
        apiVersion: fission.io/v1
        kind: HTTPTrigger
        metadata:
          name: r
        spec:
          functionref:
            type: name
            name: f
          relativeurl: /hello
          prefix: ''
          methods:
          - GET
        """
    )


def test_a_function_is_printed_with_its_package_and_archive(fission, code):
    result = fission(
        "fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py", "--dry"
    )

    assert result.out == textwrap.dedent(
        """\
        kind: ArchiveUploadSpec
        name: hello-py-xxxx
        include:
        - hello.py
        ---
        apiVersion: fission.io/v1
        kind: Package
        metadata:
          name: hello-uid-1
        spec:
          environment:
            namespace: ''
            name: python
          deployment:
            type: url
            url: archive://hello-py-xxxx
        ---
        apiVersion: fission.io/v1
        kind: Function
        metadata:
          name: hello
        spec:
          environment:
            namespace: ''
            name: python
          package:
            packageref:
              namespace: ''
              name: hello-uid-1
          InvokeStrategy:
            StrategyType: execution
            ExecutionStrategy:
              ExecutorType: poolmgr
              SpecializationTimeout: 120
          functionTimeout: 60
          idletimeout: 120
          concurrency: 500
          requestsPerPod: 1
        """
    )


def test_specs_need_a_directory_of_specs(fission, tmp_path):
    result = fission("env", "create", "--name", "python", "--image", "i", "--spec")

    assert result.code == 1
    assert result.err.splitlines()[-1] == (
        f"Error: {tmp_path}/specs is not a directory of specs: it has no"
        " fission-deployment-config.yaml; run `fission spec init` first"
    )


def test_specs_are_saved_in_numbered_files_and_never_twice(fission, tmp_path):
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "fission-deployment-config.yaml").write_text("kind: DeploymentConfig\nname: x\n")
    create = ["env", "create", "--image", "i", "--poolsize", "1", "--spec", "-n", "ns1", "--name"]

    first = fission(*create, "python")
    second = fission(*create, "node")
    again = fission(*create, "python")

    assert first.out == "Saving Environment 'ns1/python' to 'specs/env-0.yaml'\n"
    assert second.out == "Saving Environment 'ns1/node' to 'specs/env-1.yaml'\n"
    assert again.code == 1
    assert again.err.splitlines()[-1] == (
        "Error: same name resource (python) already exists in namespace (ns1)"
    )


def test_a_missing_file_is_named(fission, tmp_path):
    result = fission("fn", "create", "--name", "f", "--env", "e", "--code", "nope.py", "--dry")

    assert result.code == 1
    assert result.err.splitlines()[-1] == (
        f"Error: --code nope.py: no such file or directory (seen from {tmp_path})"
    )


def test_a_directory_of_specs_is_begun_once(fission, tmp_path):
    begun = fission("spec", "init", "--name", "app")
    again = fission("spec", "init")

    assert begun.out == "Creating fission spec directory 'specs'\n"
    assert (tmp_path / "specs" / "fission-deployment-config.yaml").read_text() == (
        "apiVersion: fission.io/v1\nkind: DeploymentConfig\nname: app\nuid: uid-1\n"
    )
    assert (tmp_path / "specs" / "README").exists()
    assert again.code == 1
    assert again.err.splitlines()[-1] == (
        "Error: spec directory 'specs' exists already: it has fission-deployment-config.yaml"
    )
    saved = fission("route", "create", "--name", "r", "--url", "/a", "--function", "f", "--spec")
    assert saved.out == "Saving HTTPTrigger '/r' to 'specs/route-0.yaml'\n"
