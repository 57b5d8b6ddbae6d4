"""The local Maven repository of a namespace's builds."""

from __future__ import annotations

import pathlib

import pytest
from fission_jvm_builder import errors, maven, repository, settings

ENV = {"BUILD_CACHE": "/c", "HOME": "/h", "FISSION_JAVA_REPOSITORY": "/r", "DEPLOY_PKG": "/d"}


def test_our_modules_are_installed_once_and_again_when_they_change(tmp_path: pathlib.Path) -> None:
    modules = tmp_path / "modules"
    (modules / "io").mkdir(parents=True)
    (modules / "io" / "a.jar").write_text("1")
    local = repository.Repository(tmp_path / "cache")
    local.install(modules)
    installed = local.path / "io" / "a.jar"
    before = installed.stat().st_ino
    local.install(modules)
    assert installed.stat().st_ino == before
    (modules / "io" / "a.jar").write_text("2")
    local.install(modules)
    assert installed.read_text() == "2"
    assert [path.name for path in installed.parent.iterdir()] == ["a.jar"]


def test_what_a_project_needs_is_told_by_its_poms_and_its_words(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pom.xml").write_text("<project/>")
    (tmp_path / "A.java").write_text("class A {}")

    def key(*words: str) -> str:
        return repository.key_of(tmp_path, ["pom.xml", "A.java"], words)

    first = key()
    (tmp_path / "A.java").write_text("class A { int i; }")
    assert key() == first
    assert key("-Pprofile") != first
    (tmp_path / "pom.xml").write_text("<project><a/></project>")
    assert key() != first


def test_everything_comes_from_a_folder_where_one_is_named(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "a & b"
    text = maven.make_settings(folder)
    assert "<mirrorOf>*</mirrorOf>" in text
    assert "/a%20%26%20b</url>" in text


def test_the_time_of_files_in_a_jar_is_one_that_maven_allows(tmp_path: pathlib.Path) -> None:
    env = {**ENV, "SRC_PKG": str(tmp_path)}
    assert settings.from_env({**env, "SOURCE_DATE_EPOCH": "315532800"}).stamp == (
        "1980-01-01T00:00:02Z"
    )
    assert settings.from_env({**env, "SOURCE_DATE_EPOCH": "1700000000"}).stamp == (
        "2023-11-14T22:13:20Z"
    )


def test_a_repository_that_is_nowhere_is_named(tmp_path: pathlib.Path) -> None:
    env = {**ENV, "SRC_PKG": str(tmp_path), "FISSION_WHEELS": "offline"}
    with pytest.raises(errors.BuildError, match=r"FISSION_WHEELS: there is no folder .*/offline"):
        settings.from_env(env)
