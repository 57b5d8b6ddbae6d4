"""Which files of a directory are read, and what is told of them."""

import os
import pathlib

import pytest

from fission.cli import errors
from fission.cli.spec import folder, reading

CONFIG = "apiVersion: fission.io/v1\nkind: DeploymentConfig\nname: shop\nuid: u-1\n"


@pytest.fixture
def specs(tmp_path):
    directory = tmp_path / "specs"
    directory.mkdir()
    (directory / "fission-deployment-config.yaml").write_text(CONFIG)
    return directory


def an_environment(name, namespace="default"):
    return (
        "apiVersion: fission.io/v1\nkind: Environment\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        "spec: {version: 3, runtime: {image: i}}\n"
    )


def read(specs, **options):
    return reading.read(specs, cwd=specs.parent, **options)


def names(application):
    return [each.name for each in application.documents]


def told(problems):
    return [str(each) for each in problems]


def test_an_application_is_read_from_all_files_below(specs):
    (specs / "a.yaml").write_text(an_environment("one") + "---\n" + an_environment("two"))
    (specs / "deep" / "er").mkdir(parents=True)
    (specs / "deep" / "er" / "b.yml").write_text(an_environment("three"))
    (specs / "README").write_text("no: yaml: at all")

    found = read(specs)

    assert names(found) == ["one", "two", "three"]
    assert (found.deployment.name, found.deployment.uid) == ("shop", "u-1")
    assert str(found.documents[1].place) == "specs/a.yaml:6"
    assert str(found.documents[1].place_of("spec.runtime.image")) == "specs/a.yaml:9"
    assert found.errors == []


def test_patterns_leave_files_out_as_git_does(specs):
    for name in ("keep.yaml", "drop.yaml", "old/a.yaml", "old/b.yaml"):
        (specs / name).parent.mkdir(exist_ok=True)
        stem = pathlib.PurePath(name).stem
        (specs / name).write_text(an_environment(stem))
    (specs / ".specignore").write_text("# comment\n/drop.yaml\nold/*\n!old/b.yaml\n")
    (specs / "other").write_text("old/\n")

    assert names(read(specs)) == ["keep", "b"]
    assert names(read(specs, ignore_file="other")) == ["drop", "keep"]
    with pytest.raises(errors.CliError, match="--specignore nope: no such file"):
        read(specs, ignore_file="nope")


def test_without_a_directory_there_is_something_to_do(tmp_path):
    with pytest.raises(errors.CliError, match="spec directory 'specs' does not exist") as error:
        reading.read(tmp_path / "specs", cwd=tmp_path)

    assert "fission spec init" in error.value.remedy


def test_an_application_has_one_name(specs):
    (specs / "second.yaml").write_text(CONFIG)
    (specs / "third.yaml").write_text("kind: DeploymentConfig\nnmae: x\nuid: 5\n")

    assert told(read(specs).errors) == [
        "specs/second.yaml:1: a second DeploymentConfig;"
        " the first is in specs/fission-deployment-config.yaml:1",
        "specs/third.yaml:2: DeploymentConfig: nmae: unknown field; did you mean name?",
        "specs/third.yaml:1: DeploymentConfig: name: Required value",
        "specs/third.yaml:3: DeploymentConfig: uid: want text, found number 5",
    ]


def test_an_application_needs_a_name(specs):
    (specs / "fission-deployment-config.yaml").unlink()

    assert told(read(specs).errors) == [
        "specs/fission-deployment-config.yaml: there is no DeploymentConfig;"
        " begin with `fission spec init`"
    ]


def test_every_broken_file_is_told_at_once(specs):
    (specs / "a.yaml").write_text("kind: [\n")
    (specs / "b.yaml").write_bytes(b"kind: \xff\n")
    (specs / "c.yaml").write_text(
        "- 1\n---\ntext\n---\nmetadata: {}\n---\nkind: [a]\n---\nkind: Function\nmetadata:\n"
        "---\nkind: Function\nmetadata: {name: }\n---\nkind: Function\nmetadata:\n  name: 5\n"
        "---\nkind: Function\nmetadata: [a]\n"
    )
    os.mkfifo(specs / "d.yaml")
    (specs / "e.yaml").symlink_to("nowhere")

    found = read(specs)

    assert told(found.errors) == [
        "specs/a.yaml:2: is not YAML: while parsing a flow node,"
        " did not find expected node content",
        "specs/b.yaml:1: is not UTF-8 text",
        "specs/c.yaml:1: want a mapping with kind and metadata, found a list",
        'specs/c.yaml:3: want a mapping with kind and metadata, found text "text"',
        "specs/c.yaml:5: kind: Required value",
        "specs/c.yaml:7: kind: want text",
        "specs/c.yaml:9: Function: metadata: Required value",
        "specs/c.yaml:12: Function: metadata.name: Required value",
        "specs/c.yaml:17: metadata.name: want text, found number 5; put it in quotes",
        "specs/c.yaml:19: Function: metadata: want a mapping",
        "specs/d.yaml: is not a regular file",
        "specs/e.yaml: cannot be read: No such file or directory",
    ]
    assert found.documents == []


def test_objects_of_others_are_left_to_others(specs):
    (specs / "a.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\n"
        "apiVersion: other.io/v1\nkind: Function\nmetadata: {name: f}\n---\n"
        "apiVersion: fission.io/v1\nkind: Workflow\nmetadata: {name: w}\n"
    )

    found = read(specs)

    assert told(found.warnings) == [
        "specs/a.yaml:1: Ignoring unknown type Secret",
        "specs/a.yaml:5: Ignoring unknown type Function",
        "specs/a.yaml:9: Ignoring unknown type Workflow",
    ]
    assert found.errors == []


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("kind: Funktion", "unknown kind Funktion; did you mean Function?"),
        ("apiVersion: fission.io/v1\nkind: HttpTrigger", "did you mean HTTPTrigger?"),
        ("apiVersion: v1\nkind: Function", "apiVersion: Unsupported value: 'v1'"),
        ("apiVersion: fission.io/v2\nkind: Package", "want fission.io/v1"),
    ],
)
def test_kinds_that_are_nearly_ours_are_mistakes(specs, head, text):
    (specs / "a.yaml").write_text(f"{head}\nmetadata: {{name: x}}\n")

    (error,) = read(specs).errors

    assert text in str(error)


def test_archives_say_where_their_files_are(specs, tmp_path):
    (specs / "a.yaml").write_text(
        "kind: ArchiveUploadSpec\nname: code\nrootdir: src\ninclude: [a.py, 'b/**']\n"
        "exclude:\n- b/c\n---\nkind: ArchiveUploadSpec\nname: all\ninclude: ['*.py']\n"
    )

    first, second = read(specs).archives

    assert (first.name, first.root) == ("code", tmp_path / "src")
    assert (list(first.include), list(first.exclude)) == (["a.py", "b/**"], ["b/c"])
    assert second.root == tmp_path
    assert str(second.place) == "specs/a.yaml:8"


def test_what_is_wrong_in_an_archive_is_told_at_once(specs):
    (specs / "a.yaml").write_text(
        "kind: ArchiveUploadSpec\nname:\nrootdir: 5\nincldue: [a]\nexclude: a\n"
    )

    assert told(read(specs).errors) == [
        "specs/a.yaml:4: ArchiveUploadSpec: incldue: unknown field; did you mean include?",
        "specs/a.yaml:2: ArchiveUploadSpec: name: Required value",
        "specs/a.yaml:3: ArchiveUploadSpec: rootdir: want text, found number 5",
        "specs/a.yaml:5: ArchiveUploadSpec: exclude: want a list of patterns, each of them text",
        "specs/a.yaml:1: ArchiveUploadSpec: include: Required value:"
        " which files are in the archive",
    ]


def test_a_huge_file_is_not_even_opened(specs):
    with (specs / "a.yaml").open("wb") as file:
        file.truncate(folder.MAX_FILE_BYTES + 1)

    assert told(read(specs).errors) == ["specs/a.yaml: has 64 MiB, at most 64 are read"]


def test_what_is_not_read_is_told_and_what_editors_keep_is_not(specs, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "env.yaml").write_text("kind: [")
    (specs / "linked").symlink_to(tmp_path / "more")
    (specs / ".#env.yaml").symlink_to("me@here.1234:5")

    found = read(specs)

    assert told(found.warnings) == ["specs/linked: is a link to a folder and is not followed"]
    assert found.errors == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_cannot_be_looked_into_is_an_error(specs):
    (specs / "closed").mkdir(mode=0)

    assert told(read(specs).errors) == ["specs/closed: cannot be read: Permission denied"]
