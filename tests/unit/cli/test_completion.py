import shutil
import subprocess
import sys

import pytest

from fission.cli.completion import scripts
from tests.support import commandline

PROGRAM = """#!/bin/sh
exec {python} -m fission.cli.main "$@"
"""


@pytest.fixture
def complete(fission):
    """What is offered for the last of the words, as a shell is told."""

    def ask(*words, shell="zsh"):
        result = fission("__complete", shell, *words)
        assert (result.code, result.err) == (0, "")
        return [line.partition("\t")[0] for line in result.out.splitlines()]

    return ask


def test_nouns_and_verbs(complete):
    assert {"function", "environment", "version", "completion"} <= set(complete(""))
    assert complete("func") == ["function"]
    assert complete("rou") == ["route"]  # other names where no first name fits
    assert complete("fn", "get") == ["get", "getmeta"]
    assert complete("-n", "team", "fn", "desc") == ["describe"]


def test_candidates_have_a_meaning(fission):
    assert fission("__complete", "fish", "pack").out == (
        "package\tCreate, update and manage packages\n"
    )


def test_flags_that_were_not_given(complete):
    assert complete("fn", "get", "--n") == ["--name", "--namespace"]
    assert complete("fn", "get", "--name", "a", "--n") == ["--namespace"]
    assert complete("fn", "delete", "") == ["--name"]  # what it needs
    assert complete("fn", "create", "--secret", "a", "--secre") == ["--secret"]  # repeatable


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["fn", "list", "-o", ""], ["wide", "json", "yaml", "name"]),
        (["fn", "list", "--output=j"], ["--output=json"]),
        (["route", "create", "--method", "P"], ["POST", "PUT", "PATCH"]),
        (["env", "pods", "--executortype", "n"], ["newdeploy"]),
        (["fn", "create", "--code", "h"], [":files"]),
        (["pkg", "getsrc", "-o", ""], [":files"]),
        (["archive", "upload", "--name", ""], [":files"]),
        (["fn", "create", "--name", ""], []),
        (["fn", "create", "--fntimeout", ""], []),
        (["fn", "get", "--name", ""], []),  # nothing runs, nothing is said
        (["nonsense", ""], [":files"]),
    ],
)
def test_values_of_flags(complete, words, offered):
    assert complete(*words) == offered


def test_bash_has_equal_signs_as_words_of_their_own(complete):
    assert complete("fn", "list", "--output", "=", "js", shell="bash") == ["json"]
    assert complete("fn", "list", "--output", "=", shell="bash")[0] == "wide"


def test_contexts_are_those_of_the_kubeconfig(tmp_path):
    (tmp_path / "config").write_text("contexts:\n- {name: one}\n- {name: two}\n")
    line = commandline.CommandLine(tmp_path, {"KUBECONFIG": str(tmp_path / "config")})

    assert line.run_plain("__complete", "zsh", "--kube-context", "t").out == "two\t\n"


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "fission"
    path.write_text(PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    return path


def test_in_a_real_bash(program, tmp_path):
    def reply(*words):
        quoted = " ".join(f"'{word}'" for word in words)
        text = (
            f"source ./script; COMP_WORDS=('{program}' {quoted}); COMP_CWORD={len(words)}; "
            'compopt() { echo "$@"; }; _fission; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", text],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.split()

    (tmp_path / "script").write_text(scripts.BASH)

    assert reply("fn", "desc") == ["describe"]
    assert reply("fn", "list", "--output", "=", "y") == ["yaml"]
    assert reply("fn", "create", "--code", "h") == ["-o", "default"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_script(shell, program, tmp_path):
    found = shutil.which(shell)
    if not found:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(scripts.TEXTS[shell])

    done = subprocess.run([found, "-n", str(script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def run_shell(name, words, tmp_path):
    """What a shell prints that has nobody's settings."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "script").write_text(scripts.TEXTS[name])
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [found, *words]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fission fn desc", ["describe\tShow all that is known of a function"]),
        ("fission fn list --output y", ["yaml"]),
    ],
)
def test_in_a_real_fish(program, tmp_path, line, offered):
    text = f'source script; complete -C "{line}"'

    assert run_shell("fish", ["--no-config", "-c", text], tmp_path) == offered


def test_in_a_real_zsh(program, tmp_path):
    text = """
        autoload -U compinit; compinit -u -D; source ./script
        _describe() { print -l -- "${(@P)2}" }
        words=(fission fn desc); CURRENT=3; _fission
    """
    offered = run_shell("zsh", ["-f", "-c", text], tmp_path)

    assert offered == ["describe:Show all that is known of a function"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_and_how_it_is_installed(fission, shell):
    assert fission("completion", shell).out == scripts.TEXTS[shell]
    assert f"fission completion {shell}" in fission("completion", shell, "--help").out


def test_a_real_bash_reads_the_script_as_people_install_it(program, tmp_path):
    text = 'eval "$(./fission completion bash)"; complete -p fission'
    done = subprocess.run(["bash", "--norc", "-c", text], cwd=tmp_path, capture_output=True)

    assert done.stdout == b"complete -F _fission fission\n"
