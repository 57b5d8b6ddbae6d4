"""How a package says how it is to be run."""

from __future__ import annotations

import pathlib

import pytest
from fission_binary import errors, settings


def test_without_a_word_a_process_runs_per_request() -> None:
    assert settings.load({"PATH": "/bin"}, None) == settings.Settings("request", "body", 3600, 30)


def test_the_package_goes_before_the_container(tmp_path: pathlib.Path) -> None:
    (tmp_path / "binary.env").write_text("# how\n\nBINARY_MODE = server\nBINARY_TIMEOUT=0.5\n")
    found = settings.load({"BINARY_MODE": "request", "BINARY_OUTPUT": "cgi"}, str(tmp_path))
    assert found == settings.Settings("server", "cgi", 0.5, 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BINARY_MODE=daemon", "binary.env: BINARY_MODE: found 'daemon', allowed are request and"),
        ("BINARY_MOOD=server", "binary.env: BINARY_MOOD is no setting; there are BINARY_MODE, BIN"),
        ("PATH=/bin", "binary.env: PATH is no setting"),
        ("BINARY_TIMEOUT=soon", "BINARY_TIMEOUT: found 'soon', needs seconds above 0"),
        ("BINARY_TIMEOUT=-1", "BINARY_TIMEOUT: found '-1', needs seconds above 0"),
        ("server", "binary.env, line 1: found 'server', needs NAME=value"),
    ],
)
def test_a_wrong_word_is_named(tmp_path: pathlib.Path, text: str, message: str) -> None:
    (tmp_path / "binary.env").write_text(text)
    with pytest.raises(errors.LoadError) as caught:
        settings.load({}, str(tmp_path))
    assert message in str(caught.value)


def test_a_wrong_variable_is_named_as_one() -> None:
    with pytest.raises(errors.LoadError, match=r"^the environment: BINARY_OUTPUT: found 'html'"):
        settings.load({"BINARY_OUTPUT": "html"}, None)
