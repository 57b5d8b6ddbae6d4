import os
import time

import pytest

from fission.cli import plugins
from tests.support import commandline

SAYS = """#!/bin/sh
[ "$1" = --plugin ] && {
    echo '{"name": "greet", "version": "1.2", "aliases": ["hi", "fn"], "usage": "Say hello"}'
    exit
}
echo "greet: $* in ${FISSION_DEFAULT_NAMESPACE:-nothing}" >out.txt
exit 7
"""


@pytest.fixture
def fission(tmp_path):
    """The command, with a folder of plugins on the path."""
    env = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    return commandline.CommandLine(tmp_path, env).run_plain


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "bin").mkdir()

    def make(name, text, mode=0o755):
        path = tmp_path / "bin" / f"fission-{name}"
        path.write_text(text)
        path.chmod(mode)
        return path

    return make


def test_a_plugin_is_run_and_its_exit_code_passed_on(fission, plugin, tmp_path):
    plugin("greet", SAYS)

    assert fission("-n", "team", "greet", "--to", "you", "-h").code == 7
    assert (tmp_path / "out.txt").read_text() == "greet: --to you -h in team\n"
    assert fission("hi", "x").code == 7
    assert (tmp_path / "out.txt").read_text() == "greet: x in nothing\n"


def test_help_and_version_show_what_plugins_say_of_themselves(fission, plugin):
    plugin("greet", SAYS)
    plugin("dumb", "#!/bin/sh\nexit 3\n")

    shown = fission("--help").out
    assert "\nPlugins:\n  dumb        /" in shown
    assert "\n  greet, hi   Say hello\n" in shown
    assert "  greet:\n    Version: 1.2\n" in fission("version", "--client").out


def test_own_commands_win(fission, plugin, tmp_path):
    plugin("env", SAYS)
    plugin("version", SAYS)

    assert "Available Commands" in fission("env").out
    assert "Plugins" not in fission("--help").out
    assert fission("version", "--client").code == 0
    assert not (tmp_path / "out.txt").exists()


def test_what_cannot_be_executed_is_no_plugin(fission, plugin):
    plugin("greet", SAYS, mode=0o644)

    assert 'unknown command "greet"' in fission("greet").err


def test_a_file_that_is_no_program_is_told_of(fission, plugin):
    plugin("broken", "#!/nowhere/at-all\n")

    result = fission("broken")
    assert result.code == 126
    assert "fission-broken cannot be run: No such file" in result.err


def test_one_that_ends_by_a_signal_ends_as_in_a_shell(fission, plugin):
    plugin("dies", "#!/bin/sh\nkill -TERM $$\n")

    assert fission("dies").code == 143


def test_one_that_does_not_answer_is_not_waited_for(plugin, tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "ANSWER_SECONDS", 0.2)
    plugin("slow", "#!/bin/sh\nsleep 60\n")
    began = time.monotonic()

    (found,) = plugins.described({"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})

    assert (found.name, found.usage, found.version) == ("slow", "", "")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("answer", ["[]", "{", "3", '{"aliases": 3, "usage": null}'])
def test_an_answer_that_is_no_description(plugin, tmp_path, answer):
    plugin("odd", f"#!/bin/sh\necho '{answer}'\n")

    (found,) = plugins.described({"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})

    assert (found.name, found.usage, found.aliases) == ("odd", "", ())


def test_the_first_on_the_path_wins(plugin, tmp_path):
    first = plugin("a", SAYS)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "fission-a").write_text("")
    (tmp_path / "later" / "fission-a").chmod(0o755)

    assert plugins.paths({"PATH": f"{first.parent}:{tmp_path / 'later'}:/nowhere"}) == {
        "a": str(first)
    }
