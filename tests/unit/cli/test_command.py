import textwrap

import pytest

import fission as package
from fission.cli import command, tree


def test_the_clients_version_asks_nobody(fission):
    result = fission("version", "--client")

    assert result.code == 0
    assert result.err == ""
    assert result.out == (
        'client:\n  fission/core:\n    BuildDate: ""\n    GitCommit: ""\n'
        f"    Version: {package.__version__}\n"
    )


def test_help_of_a_command_shows_its_flags(fission):
    result = fission("fn", "delete", "--help")

    assert result.code == 0
    assert result.out == textwrap.dedent(
        """\
        Delete a function; its package and routes stay.

          fission fn delete --name hello --ignorenotfound

        Usage:
          fission function delete [flags]

        Flags:
              --name string      Name of the function (required)
              --ignorenotfound   Treat an object that is not there as deleted

        Global Flags:
          -v, --verbosity int         0 is quiet, 2 shows decisions (default 1)
              --quiet                 Only results and errors, as --verbosity 0
              --kube-context string   Context of the kubeconfig to use
          -n, --namespace string      Namespace to work in
              --server string         URL of a controller to go through (or FISSION_URL, with FISSION_TOKEN)
          -h, --help                  Show this help
        """  # noqa: E501 - the line as it is printed
    )


def test_a_misuse_shows_usage_and_error_on_stderr(fission):
    result = fission("fn", "delete")

    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("Usage:\n  fission function delete [flags]\n\nFlags:\n")
    assert result.err.endswith('\n\nError: required flag(s) "name" not set\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["env", "create"], 'required flag(s) "image", "name" not set'),
        (["fn", "list", "--nope"], "unknown flag: --nope"),
        (["fn", "list", "-z"], "unknown shorthand flag: -z"),
        (["fn", "delete", "--nam", "f"], "unknown flag: --nam\n  did you mean --name?"),
        (["fn", "list", "--al"], "unknown flag: --al\n  did you mean --all-namespaces?"),
        (["env", "create", "--imgae", "i"], "unknown flag: --imgae\n  did you mean --image?"),
        (
            ["fn", "create", "--name", "f", "--state-ttl", "1h"],
            "unknown flag: --state-ttl\n  functions keep no state here\n"
            "  give them a database's address: --env-var or --env-from-secret",
        ),
        (
            ["fn", "test", "--name", "f", "--async"],
            "unknown flag: --async\n  async invocation is not enabled on this cluster\n"
            "  publish to a topic, and let a trigger call the function: fission mqt create",
        ),
        (
            ["wf", "list"],
            'unknown command "wf" for "fission"\n  there are no workflows here\n'
            "  let functions call functions, or pass messages by topics",
        ),
        (
            ["fn", "tools"],
            'unknown command "tools" for "fission function"\n  functions are no MCP tools here\n'
            "  give the function a route: fission route create",
        ),
        (
            ["fn", "crate"],
            'unknown command "crate" for "fission function"\n  did you mean "create"?',
        ),
        (
            ["fn", "list", "-o", "jsn"],
            'invalid output format "jsn": valid values are wide, json, yaml, name\n'
            '  did you mean "json"?',
        ),
        (["--"], "Missing command."),
        (["nonsense"], 'unknown command "nonsense" for "fission"'),
        (["fn", "delete", "--name"], "flag needs an argument: --name"),
        (
            ["env", "create", "--name", "p", "--image", "i", "--poolsize", "x"],
            "invalid argument for \"--poolsize\" flag: 'x' is not a valid integer.",
        ),
        (
            ["fn", "wait", "--name", "f", "--for", "condition=Ready", "--timeout", "5"],
            'invalid argument for "--timeout" flag: invalid duration "5":'
            ' want a number and a unit, as in "90s"',
        ),
        (
            ["fn", "list", "-A=perhaps"],
            'invalid argument "perhaps" for "-A" flag: must be true or false',
        ),
        (
            ["fn", "list", "-o", "xml"],
            'invalid output format "xml": valid values are wide, json, yaml, name',
        ),
    ],
)
def test_what_is_said_of_a_misuse(fission, arguments, message):
    result = fission(*arguments)

    assert result.code == 1
    assert result.err.partition("Error: ")[2] == f"{message}\n"


def test_a_run_without_a_platform_says_how_to_start_one(fission, tmp_path):
    result = fission("fn", "list")

    assert result.code == 1
    assert result.err == textwrap.dedent(
        f"""\
        Usage:
          fission function list [flags]

        Error: failed to get fission client: there is no platform to talk to
          nothing runs in {tmp_path}/home/.fission, and no Kubernetes cluster is configured
          start the platform on this machine with `fission up -d`, name a cluster with KUBECONFIG or --kube-context, or a controller with --server or FISSION_URL
        """  # noqa: E501 - the line as it is printed
    )


def test_a_check_without_a_platform_says_so_once(fission, tmp_path):
    result = fission("check")

    assert (result.code, result.err) == (0, "")
    assert result.out.count(f"nothing runs in {tmp_path}/home/.fission") == 1
    assert fission("check", "--exit-code").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "ns1", "env", "create", "--name", "p", "--image", "i", "--dry"],
        ["env", "-n", "ns1", "create", "--name", "p", "--image", "i", "--dry"],
        ["env", "create", "--name", "p", "--image", "i", "--dry", "-n", "ns1"],
    ],
    ids=["first", "between", "last"],
)
def test_global_flags_stand_anywhere(fission, arguments):
    assert "  namespace: ns1\n" in fission(*arguments).out


@pytest.mark.parametrize("switch", ["--keeparchive", "--keeparchive=true", "--keeparchive=T"])
def test_switches_take_a_value(fission, switch):
    base = ["env", "create", "--name", "p", "--image", "i", "--dry"]

    assert "keeparchive: true" in fission(*base, switch).out
    assert "keeparchive" not in fission(*base, switch, "--keeparchive=false").out


def test_nothing_given_shows_all_commands(fission):
    result = fission()

    assert result.code == 0
    assert "  function, fn             Create, update, call and manage functions\n" in result.out


def _leaves(entries):
    for entry in entries:
        if isinstance(entry, tree.Branch):
            yield from _leaves(entry.leaves)
        else:
            yield entry


@pytest.mark.parametrize("leaf", list(_leaves(tree.ROOT)), ids=lambda leaf: leaf.module)
def test_every_command_of_the_tree_exists(leaf):
    loaded = command.load(leaf)

    assert isinstance(loaded, command.Command)
    assert loaded.help


def test_help_of_a_command_shows_how_it_is_called():
    without = [
        leaf.module
        for entry in tree.ROOT
        for leaf in (entry.leaves if isinstance(entry, tree.Branch) else (entry,))
        if leaf.module.partition(".")[0] not in ("cluster", "completion")
        and "\n  fission " not in str(command.load(leaf).help)
    ]

    assert without == []
