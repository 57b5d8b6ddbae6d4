"""What a build is told by its environment."""

from __future__ import annotations

import pathlib

import pytest
from fission_python_builder import errors, settings


def env(folder: pathlib.Path, **more: str) -> dict[str, str]:
    return {"SRC_PKG": str(folder), "DEPLOY_PKG": str(folder / "out"), **more}


def test_a_build_is_told_source_and_target(tmp_path: pathlib.Path) -> None:
    found = settings.from_env(env(tmp_path))
    assert found == settings.Settings(tmp_path, tmp_path / "out")


def test_a_folder_of_wheels_may_be_in_the_package(tmp_path: pathlib.Path) -> None:
    (tmp_path / "wheels").mkdir()
    assert settings.from_env(env(tmp_path, FISSION_WHEELS="wheels")).wheels == tmp_path / "wheels"
    absolute = str(tmp_path / "wheels")
    assert settings.from_env(env(tmp_path, FISSION_WHEELS=absolute)).wheels == tmp_path / "wheels"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SRC_PKG", "", "SRC_PKG is not set"),
        ("SRC_PKG", "/nowhere/at/all", "there is nothing at /nowhere/at/all"),
        ("DEPLOY_PKG", "", "DEPLOY_PKG is not set"),
        ("BUILD_TOOL", "conda", "found 'conda', allowed are uv and pip"),
        ("FISSION_WHEELS", "wheels", "FISSION_WHEELS: there is no folder"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: pathlib.Path, name: str, value: str, says: str
) -> None:
    with pytest.raises(errors.BuildError) as raised:
        settings.from_env({**env(tmp_path), name: value})
    assert says in str(raised.value)


def test_an_index_named_for_pip_reaches_uv() -> None:
    given = {"PIP_INDEX_URL": "https://a", "PIP_FIND_LINKS": "/a /b", "PIP_EXTRA_INDEX_URL": "b c"}
    made = settings.installer_env(given, pathlib.Path("/scratch"))
    assert made["UV_DEFAULT_INDEX"] == "https://a"
    assert made["UV_FIND_LINKS"] == "/a,/b"
    assert made["UV_INDEX"] == "b c"
    assert made["TMPDIR"] == "/scratch"


def test_an_index_named_for_uv_stays() -> None:
    given = {"PIP_INDEX_URL": "https://a", "UV_DEFAULT_INDEX": "https://b"}
    made = settings.installer_env(given, pathlib.Path("/scratch"))
    assert made["UV_DEFAULT_INDEX"] == "https://b"
