"""The one JAR file that is deployed."""

from __future__ import annotations

import pathlib
import zipfile

import pytest
from fission_jvm_builder import errors, jars


def make(path: pathlib.Path, *names: str) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for name in names or ("A.class",):
            jar.writestr(name, name)
    return path


@pytest.mark.parametrize(
    ("made", "chosen"),
    [
        (["f.jar"], "f.jar"),
        (["f.jar", "f-sources.jar", "f-javadoc.jar", "f-tests.jar"], "f.jar"),
        (["f.jar", "f-jar-with-dependencies.jar"], "f-jar-with-dependencies.jar"),
        (["f.jar", "original-f.jar"], "f.jar"),
        (["f.jar", "f-all.jar"], "f-all.jar"),
        (["f-plain.jar", "f.jar"], "f.jar"),
    ],
)
def test_the_file_with_everything_is_chosen(
    tmp_path: pathlib.Path, made: list[str], chosen: str
) -> None:
    for name in made:
        make(tmp_path / name)
    assert jars.find([tmp_path], "target").name == chosen


def test_no_file_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BuildError, match="made no JAR file in target"):
        jars.find([tmp_path], "target")


def test_several_files_are_refused_by_name(tmp_path: pathlib.Path) -> None:
    make(tmp_path / "a" / "one.jar")
    make(tmp_path / "b" / "two.jar")
    with pytest.raises(errors.BuildError, match=r"more than one JAR file in target: one.jar, two"):
        jars.find([tmp_path / "a", tmp_path / "b"], "target")


def test_an_executable_file_of_spring_boot_is_refused(tmp_path: pathlib.Path) -> None:
    jar = make(tmp_path / "f.jar", "BOOT-INF/classes/A.class")
    with pytest.raises(errors.BuildError, match="executable JAR file of Spring Boot"):
        jars.describe(jar)


def test_a_file_without_classes_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BuildError, match="holds no class"):
        jars.describe(make(tmp_path / "f.jar", "readme.txt"))


def test_libraries_are_packed_with_the_classes(tmp_path: pathlib.Path) -> None:
    classes = tmp_path / "classes"
    service = "META-INF/services/x.Codec"
    (classes / "META-INF" / "services").mkdir(parents=True)
    (classes / service).write_text("own.Codec")
    (classes / "A.class").write_text("own")
    library = make(
        tmp_path / "lib.jar", "A.class", "B.class", service, "META-INF/MANIFEST.MF",
        "META-INF/SIGNER.RSA", "module-info.class",
    )  # fmt: skip
    jars.pack(classes, [library], tmp_path / "f.jar")
    with zipfile.ZipFile(tmp_path / "f.jar") as jar:
        found = {name: jar.read(name).decode() for name in jar.namelist()}
    assert found == {"A.class": "own", "B.class": "B.class", service: f"own.Codec\n{service}\n"}
