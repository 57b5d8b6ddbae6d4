"""Where things really are, as the starter of a process says."""

import json

import pytest

from fission.base import errors, podenv


def test_without_variables_declared_is_real() -> None:
    assert podenv.volume_path("/userfunc/user", {}) == "/userfunc/user"
    assert podenv.pod_port(8888, {}) == 8888
    assert podenv.listen_sockets({}) == {}


def test_the_longest_declared_parent_decides() -> None:
    env = {"POD_VOLUME_PATHS": json.dumps({"/a": "/real/a", "/a/b": "/other"})}
    assert podenv.volume_path("/a/b/c", env) == "/other/c"
    assert podenv.volume_path("/a/x", env) == "/real/a/x"
    assert podenv.volume_path("/a", env) == "/real/a"
    assert podenv.volume_path("/ab", env) == "/ab"


def test_a_port_that_was_taken_is_looked_up() -> None:
    env = {"POD_PORTS": json.dumps({"8888": 41234})}
    assert podenv.pod_port(8888, env) == 41234
    assert podenv.pod_port(8000, env) == 8000


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_malformed_table_names_its_variable(text: str) -> None:
    with pytest.raises(errors.SettingsError, match="POD_PORTS"):
        podenv.pod_port(1, {"POD_PORTS": text})
