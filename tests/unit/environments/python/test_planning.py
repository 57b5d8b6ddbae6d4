"""What of a source folder is installed."""

from __future__ import annotations

import pytest
from fission_python_builder import errors, planning

PYTHON = (3, 11, 7)
PACKAGE = """
[build-system]
requires = ["hatchling"]
[project]
name = "shop"
dependencies = ["click"]
"""
LISTED = '[project]\nname = "shop"\ndependencies = ["click>=8", "idna"]\n'


def plan(**files: str) -> planning.Plan:
    named = {name.replace("_", "."): text for name, text in files.items()}
    return planning.make_plan(named, named.__getitem__, PYTHON)


def test_a_requirements_file_is_installed() -> None:
    assert plan(main_py="", requirements_txt="click\n") == planning.Plan("requirements.txt")


def test_a_folder_that_asks_for_nothing_gets_nothing() -> None:
    assert plan(main_py="") == planning.Plan()


def test_a_project_without_a_back_end_has_its_dependencies_installed() -> None:
    expected = planning.Plan("pyproject.toml", dependencies=("click>=8", "idna"))
    assert plan(main_py="", pyproject_toml=LISTED) == expected


def test_a_project_with_a_back_end_is_built_and_installed() -> None:
    assert plan(pyproject_toml=PACKAGE) == planning.Plan("pyproject.toml", project=True)


@pytest.mark.parametrize(
    "words", ["[tool.uv]\npackage = false", "[tool.poetry]\npackage-mode = false"]
)
def test_a_project_that_says_it_is_no_package_is_not_built(words: str) -> None:
    expected = planning.Plan("pyproject.toml", dependencies=("click",))
    assert plan(pyproject_toml=f"{PACKAGE}\n{words}\n") == expected


def test_a_requirements_file_beside_a_package_decides_and_says_so() -> None:
    found = plan(requirements_txt="click", pyproject_toml=PACKAGE)
    assert (found.file, found.project) == ("requirements.txt", False)
    assert "add a line `.`" in found.notes[0]


def test_a_pyproject_for_tools_alone_asks_for_nothing() -> None:
    assert plan(pyproject_toml="[tool.ruff]\nline-length = 100\n").dependencies == ()


def test_a_lock_file_of_uv_decides_over_the_project() -> None:
    found = plan(pyproject_toml=LISTED, uv_lock="")
    assert found == planning.Plan("uv.lock", locked=True)
    found = plan(pyproject_toml=PACKAGE, uv_lock="")
    assert found == planning.Plan("uv.lock", locked=True, project=True)


def test_a_standard_lock_file_decides() -> None:
    assert plan(pylock_toml="", pyproject_toml=LISTED) == planning.Plan("pylock.toml", locked=True)


def test_a_lock_file_that_nobody_reads_is_named() -> None:
    found = plan(pyproject_toml=LISTED, poetry_lock="")
    assert found.notes == (
        "poetry.lock is not read: write requirements.txt with "
        "`poetry export -o requirements.txt` to have its versions",
    )


def test_a_setup_script_alone_is_a_package() -> None:
    assert plan(setup_py="") == planning.Plan("setup.py", project=True)


def test_another_python_is_refused_with_both_versions() -> None:
    with pytest.raises(errors.BuildError) as raised:
        plan(pyproject_toml=LISTED + 'requires-python = ">=3.13"\n')
    assert str(raised.value) == (
        "pyproject.toml: project.requires-python is '>=3.13', but this environment's Python is "
        "3.11.7; widen the range, or use an environment whose image has such a Python"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[project", "pyproject.toml is not TOML"),
        ('[project]\ndynamic = ["dependencies"]\n', "[build-system]"),
        ('[tool.poetry.dependencies]\nclick = "*"\n', "[tool.poetry.dependencies] alone"),
        ('[project]\ndependencies = "click"\n', "needs a list of texts"),
        ("[project]\ndependencies = [1]\n", "needs a list of texts"),
    ],
)
def test_a_project_that_cannot_work_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(errors.BuildError) as raised:
        plan(pyproject_toml=text)
    assert named in str(raised.value)
