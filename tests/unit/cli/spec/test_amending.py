import textwrap

import pytest

from fission.cli.spec import amending

UPDATE = ("fn", "update", "--spec", "--name")


@pytest.fixture
def specs(fission, tmp_path):
    (tmp_path / "hello.py").write_text("def main():\n    return 'hi'\n")
    (tmp_path / "other.py").write_text("def main():\n    return 'ho'\n")
    fission("spec", "init", "--name", "app")
    fission("env", "create", "--name", "python", "--image", "i", "--spec")
    fission("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py", "--spec")
    return tmp_path / "specs"


def test_a_document_gives_way_and_what_is_around_it_stays():
    text = "# ours\na: 1\n--- # second\n# about b\nb: 1\n\n---\nc: 1\n"

    assert amending.replaced(text, 2, {"a": 2}) == text.replace("a: 1", "a: 2")
    assert amending.replaced(text, 5, {"b": 2}) == (
        "# ours\na: 1\n--- # second\n# about b\nb: 2\n---\nc: 1\n"
    )
    assert amending.replaced("--- {a: 1}\n", 1, {"a": 2}) == "---\na: 2\n"


def test_a_setting_is_changed_where_it_stands_and_nothing_else(fission, specs):
    path = specs / "function-0.yaml"
    path.write_text("# of the shop\n" + path.read_text())
    before = path.read_text()

    result = fission(*UPDATE, "hello", "--fntimeout", "5", "--labels", "team=a")

    assert (result.code, result.err) == (0, "")
    assert result.out == "Saving Function '/hello' to 'specs/function-0.yaml'\n"
    assert path.read_text() == before.replace("functionTimeout: 60", "functionTimeout: 5").replace(
        "  name: hello\nspec:", "  name: hello\n  labels:\n    team: a\nspec:"
    )
    again = fission(*UPDATE, "hello", "--fntimeout", "5")
    assert again.out == "Nothing to change: the specs say so already.\n"


def test_other_code_takes_the_place_of_the_archive(fission, specs):
    path = specs / "archive-0.yaml"
    before = path.read_text()

    result = fission(*UPDATE, "hello", "--code", "other.py")

    assert result.out == "Saving ArchiveUploadSpec '/hello-py-xxxx' to 'specs/archive-0.yaml'\n"
    assert path.read_text() == before.replace("- hello.py", "- other.py")
    assert "Validation Successful" in fission("spec", "validate").out


def test_source_instead_is_an_archive_more_and_an_environment_is_that_of_both(fission, specs):
    result = fission(*UPDATE, "hello", "--src", "other.py", "--env", "python2", "--buildcmd", "b")

    assert result.out == textwrap.dedent(
        """\
        Saving ArchiveUploadSpec '/other-py-xxxx' to 'specs/archive-1.yaml'
        Saving Package '/hello-uid-2' to 'specs/function-0.yaml'
        Saving Function '/hello' to 'specs/function-0.yaml'
        """
    )
    text = (specs / "function-0.yaml").read_text()
    assert text.count("name: python2") == 2
    assert "url: archive://other-py-xxxx" in text
    assert "buildcmd: b" in text
    assert "Validation Successful" in fission("spec", "validate").out


def test_what_cannot_be_changed_in_the_specs(fission, specs):
    for arguments, said in (
        ((*UPDATE, "helo", "--fntimeout", "5"), "there is no Function helo in the specs"),
        ((*UPDATE, "hello", "--watch"), "--spec and --watch exclude each other"),
        ((*UPDATE, "hello", "--code", "no.py"), "--code no.py: no such file or directory"),
        ((*UPDATE, "hello", "--fntimeout", "0"), "fntimeout must be greater than 0"),
        (
            ("fn", "update-container", "--spec", "--name", "hello", "--image", "i"),
            "executor type of this function is poolmgr, not container",
        ),
    ):
        result = fission(*arguments)
        assert (result.code, result.out) == (1, "")
        assert f"Error: {said}" in result.err


def test_a_package_of_several_functions_is_changed_with_force(fission, specs):
    shared = ("fn", "create", "--name", "b", "--env", "python", "--pkgname", "hello-uid-2")
    fission(*shared, "--spec")

    refused = fission(*UPDATE, "b", "--code", "other.py")
    forced = fission(*UPDATE, "b", "--code", "other.py", "--force")

    assert "package is used by multiple functions, use --force to force update" in refused.err
    assert forced.code == 0


def test_an_image_is_changed_too(fission, specs):
    fission("fn", "run-container", "--name", "web", "--image", "web:1", "--spec")

    result = fission("fn", "update-container", "--spec", "--name", "web", "--image", "web:2")

    assert (result.code, result.err) == (0, "")
    assert "image: web:2" in (specs / "function-1.yaml").read_text()
