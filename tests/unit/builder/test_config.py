"""Settings of the builder."""

from __future__ import annotations

import pytest

from fission.base import errors
from fission.builder import build, config


def test_the_argument_is_the_directory() -> None:
    assert config.from_env({}, ["/elsewhere"]).packages_dir == "/elsewhere"
    assert config.from_env({}).packages_dir == "/packages"
    with pytest.raises(errors.SettingsError, match="usage: builder"):
        config.from_env({}, ["/a", "/b"])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUILD_TIMEOUT_SECONDS", "0"),
        ("BUILDER_MAX_BUILDS", "0"),
        ("BUILDER_MAX_LOG_BYTES", "1"),
        ("BUILD_CACHE_VARIABLES", "PIP_CACHE_DIR"),
        ("BUILD_CACHE_VARIABLES", "PIP_CACHE_DIR=/etc"),
        ("BUILD_CACHE_VARIABLES", "PIP_CACHE_DIR=../x"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(errors.SettingsError, match=variable):
        config.from_env({variable: value})


def test_folders_of_the_cache_are_read() -> None:
    assert config.parse_cache_variables("A=pip  B=uv/x") == {"A": "pip", "B": "uv/x"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (3, "build command 'b' failed with exit code 3"),
        (-9, "build command 'b' was ended by SIGKILL; memory may have run out"),
        (-15, "build command 'b' was ended by SIGTERM"),
        (-99, "build command 'b' was ended by signal 99"),
    ],
)
def test_an_exit_code_is_put_into_words(code: int, said: str) -> None:
    assert build.describe_exit("b", code) == said
