"""Which tool a source of a Java function is for."""

from __future__ import annotations

import pytest
from fission_jvm_builder import errors, planning


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        (["pom.xml", "src/main/java/A.java"], planning.Tool.MAVEN),
        (["pom.xml", "build.gradle"], planning.Tool.MAVEN),
        (["build.gradle", "src/main/java/A.java"], planning.Tool.GRADLE),
        (["build.gradle.kts"], planning.Tool.GRADLE),
        (["Hello.java"], planning.Tool.PLAIN),
        (["lib/a.jar", "app/Hello.java"], planning.Tool.PLAIN),
    ],
)
def test_names_at_the_top_decide(files: list[str], tool: planning.Tool) -> None:
    assert planning.choose(files) is tool


def test_a_project_that_lies_in_a_folder_of_its_own_is_named() -> None:
    with pytest.raises(errors.BuildError) as caught:
        planning.choose(["report/pom.xml", "report/src/main/java/A.java"])
    assert str(caught.value) == (
        "nothing to build: a source has pom.xml, build.gradle or .java files; at its top this has "
        "report; report/pom.xml has to be at the top: pack its folder's contents"
    )


def test_a_source_of_another_language_is_refused_with_what_it_has() -> None:
    with pytest.raises(errors.BuildError, match=r"at its top this has lib, main.py"):
        planning.choose(["main.py", "lib/a.py"])


def test_a_wrapper_comes_before_an_installed_gradle() -> None:
    files = ["build.gradle", "gradlew", "gradle/wrapper/gradle-wrapper.jar"]
    assert planning.gradle_command(files, "/usr/bin/gradle") == ["sh", "./gradlew"]


def test_a_wrapper_without_its_program_is_none() -> None:
    assert planning.gradle_command(["gradlew"], "/usr/bin/gradle") == ["/usr/bin/gradle"]


def test_gradle_that_is_nowhere_is_refused_with_the_remedies() -> None:
    with pytest.raises(errors.BuildError) as caught:
        planning.gradle_command(["build.gradle"], None)
    text = str(caught.value)
    assert "this builder has no Gradle" in text
    assert "apt-get install gradle" in text
    assert "pom.xml" in text
