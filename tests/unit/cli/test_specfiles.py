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
        apiVersion: fission.io/v1
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
    assert result.err.splitlines()[-2:] == [
        f"Error: {tmp_path}/specs is not a directory of specs: it has no"
        " fission-deployment-config.yaml",
        "  begin one with `fission spec init`",
    ]


def test_specs_are_saved_in_numbered_files_and_never_twice(fission, tmp_path):
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "fission-deployment-config.yaml").write_text(
        "kind: DeploymentConfig\nname: x\nuid: u\n"
    )
    create = ["env", "create", "--image", "i", "--poolsize", "1", "--spec", "-n", "ns1", "--name"]

    first = fission(*create, "python")
    second = fission(*create, "node")
    again = fission(*create, "python")

    assert first.out == "Saving Environment 'ns1/python' to 'specs/env-0.yaml'\n"
    assert second.out == "Saving Environment 'ns1/node' to 'specs/env-1.yaml'\n"
    assert again.code == 1
    assert again.err.splitlines()[-3:] == [
        "Error: same name resource (python) already exists in namespace (ns1)",
        "  it is in specs/env-0.yaml:1",
        "  change it there, or choose another --name",
    ]
    assert sorted(path.name for path in specs.glob("env-*")) == ["env-0.yaml", "env-1.yaml"]


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
    assert again.err.splitlines()[-2:] == [
        "Error: spec directory 'specs' exists already: it has fission-deployment-config.yaml",
        "  go on with it, or begin another with --specdir",
    ]
    saved = fission("route", "create", "--name", "r", "--url", "/a", "--function", "f", "--spec")
    assert saved.out == (
        "Saving HTTPTrigger '/r' to 'specs/route-0.yaml'\n"
        "Warning: HTTPTrigger r: spec.functionref.name: there is no Function f in these specs;"
        " create it before you apply\n"
    )


def test_nothing_is_added_to_specs_that_cannot_be_read(fission, tmp_path):
    fission("spec", "init", "--name", "app")
    (tmp_path / "specs" / "broken.yaml").write_text("kind: [\n")

    result = fission("env", "create", "--name", "python", "--image", "i", "--spec")

    assert result.code == 1
    assert (
        "Error: the specs cannot be read, so nothing is added to them\n  specs/broken.yaml:2: "
        in (result.err)
    )
    assert not list((tmp_path / "specs").glob("env-*"))


def test_what_a_platform_would_refuse_is_not_written_down(fission, tmp_path):
    (tmp_path / "hello.py").write_text("def main(): pass\n")
    create = ("fn", "create", "--name", "Hello", "--env", "python", "--code", "hello.py")

    for mode in ("--dry", "--spec"):
        result = fission(*create, mode)
        assert result.code == 1
        assert 'metadata.name: Invalid value: "Hello"' in result.err
        assert result.out == ""


def test_a_watch_is_written_with_a_namespace_also_where_nobody_answers(fission):
    result = fission("watch", "create", "--name", "w", "--function", "f", "--dry")

    assert "  namespace: default\n" in result.out


def test_a_function_takes_the_environment_of_the_package_that_it_names(fission, code):
    create = ("fn", "create", "--name", "hello", "--pkgname", "code", "--url", "hi", "--dry")
    refused = fission(*create)
    fission("spec", "init", "--name", "app")
    fission(*CREATES["package"][:2], "--name", "code", "--env", "py", "--src", "hello.py", "--spec")
    result = fission(*create)

    assert refused.code == 1
    assert result.code == 0, result.err
    assert "    namespace: ''\n    name: py\n" in result.out
    assert "kind: HTTPTrigger\n" in result.out
    assert "  relativeurl: /hi\n" in result.out


CREATES = {
    "env": ("env", "create", "--name", "python", "--image", "i", "--poolsize", "1"),
    "package": ("pkg", "create", "--name", "src", "--env", "python", "--src", "app"),
    "function": ("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py"),
    "second": (
        *("fn", "create", "--name", "slow", "--env", "python", "--src", "*.py"),
        *("--executortype", "newdeploy", "--maxscale", "2", "--secret", "s", "--configmap", "c"),
        *("--labels", "a=b", "--annotation", "c=d", "--mincpu", "10", "--maxmemory", "64"),
    ),
    "container": ("fn", "run-container", "--name", "box", "--image", "i", "--port", "80"),
    "route": ("route", "create", "--name", "r", "--url", "/r", "--function", "hello"),
    "weights": (
        *("route", "create", "--name", "w", "--url", "/w", "--function", "hello"),
        *("--function", "slow", "--weight", "90", "--weight", "10"),
    ),
    "timer": ("timer", "create", "--name", "t", "--function", "hello", "--cron", "@daily"),
    "mqt": (
        *("mqt", "create", "--name", "m", "--function", "hello", "--topic", "orders"),
        *("--mqtype", "statestore", "--mqtkind", "fission"),
    ),
    "watch": ("watch", "create", "--name", "k", "--function", "hello"),
    "canary": (
        *("canary", "create", "--name", "c", "--httptrigger", "w"),
        *("--newfunction", "slow", "--oldfunction", "hello"),
    ),
}


@pytest.mark.parametrize("namespace", ["", "default"])
def test_what_the_creates_write_is_valid_together(fission, code, namespace):
    given = ("-n", namespace) if namespace else ()
    (code / "app").mkdir()
    (code / "app" / "main.py").write_text("def main(): pass\n")
    fission("spec", "init", "--name", "app")
    for create in CREATES.values():
        result = fission(*create, "--spec", "-n", "default")
        assert (result.code, result.err) == (0, "")
        assert "Warning" not in result.out

    result = fission("spec", "validate", *given)

    assert (result.code, result.err) == (0, "")
    *lines, unasked, last = result.out.splitlines()
    assert lines[2:] == [
        " * 3 Functions",
        " * 1 Environments",
        " * 3 Packages",
        " * 2 Http Triggers",
        " * 1 MessageQueue Triggers",
        " * 1 Time Triggers",
        " * 1 Kube Watchers",
        " * 1 Canary Configs",
        " * 3 ArchiveUploadSpec",
        "Warning: specs/package-0.yaml:1: Package default/src is used by no function",
    ]
    assert unasked.startswith("Warning: no platform was asked, so it is not known whether names")
    assert last == "Validation Successful"
