"""The default build command: the compiler for real, Maven and Gradle by their part in it."""

from __future__ import annotations

import io
import pathlib
import zipfile

from tests.integration.environments.jvm.conftest import Build, Builder, run_build

HELLO = """package app;

import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

public class Hello implements Function {
    @Override
    public ResponseEntity<?> call(RequestEntity req, Context context) {
        return ResponseEntity.ok("hello");
    }
}
"""
MAVEN = """#!/bin/sh
# Stands for Maven: says what it was asked, and makes a file.
echo "mvn $*" | sed 's/-Dmaven.repo.local=[^ ]*/-Dmaven.repo.local=REPOSITORY/'
echo "options: $MAVEN_OPTS"
printf '\\033[0m[INFO] colours\\n'
case "$*" in
*--offline*)
    if [ -e broken-cache ]; then
        echo "[ERROR] Cannot access central in offline mode and the artifact a:b has not been" \\
            "downloaded from it before."
        exit 1
    fi ;;
esac
[ -e broken-source ] && { echo "[ERROR] cannot find symbol"; exit 1; }
mkdir -p target && cp made.jar target/f-jar-with-dependencies.jar && cp made.jar target/f.jar
"""
GRADLE = """#!/bin/sh
echo "gradle $*"
cat "$4"
mkdir -p build/libs && cp made.jar build/libs/f-all.jar
"""


def make_jar(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as jar:
        for name in names:
            jar.writestr(name, name)
    return content.getvalue()


def project(**more: str) -> dict[str, str | bytes]:
    return {"pom.xml": "<project/>", "made.jar": make_jar("A.class"), **more}


def names(built: Build) -> set[str]:
    with zipfile.ZipFile(built.target) as jar:
        return set(jar.namelist())


def test_sources_without_a_build_file_are_compiled_and_packed(build: Builder) -> None:
    files = {
        "src/main/java/app/Hello.java": HELLO,
        "src/main/resources/words.txt": "words",
        "lib/library.jar": make_jar("library/B.class"),
    }
    built = build(files)
    assert built.code == 0, built.log
    assert names(built) == {"app/Hello.class", "words.txt", "library/B.class"}
    assert "compiling 1 sources, with 1 libraries" in built.log
    assert "function.jar: 2 classes" in built.log
    assert build(files, name="again").target.read_bytes() == built.target.read_bytes()


def test_what_the_compiler_says_is_in_the_log(build: Builder) -> None:
    built = build({"Hello.java": HELLO.replace("ResponseEntity.ok", "ResponseEntity.fine")})
    assert built.code == 1
    assert "Hello.java:11: error: cannot find symbol" in built.log
    assert "the compiler failed with exit code 1" in built.log
    assert not built.target.exists()


def test_maven_goes_online_once_and_then_does_without(build: Builder) -> None:
    first = build(project(), tools={"mvn": MAVEN})
    assert first.code == 0, first.log
    assert (
        "mvn --batch-mode --no-transfer-progress -Dstyle.color=never "
        "-Dmaven.repo.local=REPOSITORY -Dproject.build.outputTimestamp=1980-01-01T00:00:02Z "
        "package\n"
    ) in first.log
    assert "options: -Xmx512m" in first.log
    assert "\n[INFO] colours\n" in first.log
    assert "f-jar-with-dependencies.jar: 1 classes" in first.log
    second = build(project(), tools={"mvn": MAVEN})
    assert "package --offline" in second.log
    assert "building with Maven, from the cache" in second.log


def test_our_modules_are_in_the_local_repository(build: Builder, tmp_path: pathlib.Path) -> None:
    build(project(), tools={"mvn": MAVEN})
    group = tmp_path / "cache" / "maven" / "io" / "fission"
    found = {str(path.relative_to(group)) for path in group.glob("*/*")}
    assert found == {
        "fission-java-core/0.0.1",
        "fission-java-core/0.0.2",
        "fission-java-core/0.0.2-SNAPSHOT",
        "fission-java-core/1.0.0",
        "fission-java-http/1.0.0",
    }
    pom = group / "fission-java-core" / "0.0.2" / "fission-java-core-0.0.2.pom"
    assert "<version>0.0.2</version>" in pom.read_text()


def test_a_cache_that_lost_something_is_filled_again(build: Builder) -> None:
    build(project(), tools={"mvn": MAVEN})
    built = build(project(**{"broken-cache": ""}), tools={"mvn": MAVEN})
    assert built.code == 0, built.log
    assert "something is missing in the cache: building again, with the network" in built.log
    assert built.log.count("mvn --batch-mode") == 2


def test_a_source_that_fails_is_not_tried_a_second_time(build: Builder) -> None:
    build(project(), tools={"mvn": MAVEN})
    built = build(project(**{"broken-source": ""}), tools={"mvn": MAVEN})
    assert built.code == 1
    assert built.log.count("mvn --batch-mode") == 1
    assert "Maven failed with exit code 1" in built.log


def test_words_behind_the_command_and_options_are_the_persons(
    build: Builder, tmp_path: pathlib.Path
) -> None:
    repository = tmp_path / "offline"
    repository.mkdir()
    built = build(
        project(),
        *("-DskipTests", "-Pfast"),
        tools={"mvn": MAVEN},
        MAVEN_OPTS="-Xmx1g",
        FISSION_WHEELS=str(repository),
    )
    assert "options: -Xmx1g\n" in built.log
    assert "fission-settings.xml package -DskipTests -Pfast\n" in built.log


def test_what_was_built_elsewhere_is_not_deployed(build: Builder) -> None:
    built = build(project(**{"target/stale.jar": "old"}), tools={"mvn": MAVEN})
    assert built.code == 0, built.log
    assert "stale" not in built.log


def test_gradle_builds_where_it_is_installed(build: Builder, modules: pathlib.Path) -> None:
    files = {"build.gradle": "", "made.jar": make_jar("A.class")}
    built = build(files, tools={"gradle": GRADLE})
    assert built.code == 0, built.log
    assert "gradle --no-daemon --console=plain --init-script" in built.log
    assert f"maven {{ url = uri('{modules}') }}" in built.log
    assert "f-all.jar: 1 classes" in built.log


def test_a_file_that_is_built_already_is_refused(
    build: Builder, tmp_path: pathlib.Path, modules: pathlib.Path
) -> None:
    build({"made.jar": make_jar("A.class")})
    built = run_build(tmp_path / "package-abc123" / "made.jar", tmp_path, modules)
    assert built.code == 1
    assert "the source is a JAR file, which is built already" in built.log
