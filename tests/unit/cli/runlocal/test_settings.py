"""Variables and files that a local function is given."""

import pytest

from fission.cli import context, errors
from fission.cli.runlocal import settings


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("A = 1 ", "1"),
        ("A=", ""),
        ("A=a=b", "a=b"),
        ("A=red # the default", "red"),
        ("A='red # not a comment'", "red # not a comment"),
        ('A="two\\nlines"', "two\nlines"),
        ('A="say \\"hi\\""', 'say "hi"'),
    ],
)
def test_a_line_of_a_file_of_variables(line, value):
    assert settings.parse_dotenv(line, ".env") == {"A": value}


def test_comments_and_empty_lines_of_a_file_of_variables():
    assert settings.parse_dotenv("# all of them\n\nA=1\nB=2\n", ".env") == {"A": "1", "B": "2"}


@pytest.mark.parametrize("line", ["A", "1A=2", "=2", "A B=2"])
def test_a_line_that_is_no_variable(line):
    with pytest.raises(errors.CliError) as failure:
        settings.parse_dotenv(f"OK=1\n{line}", ".env")
    assert str(failure.value) == f".env:2: want KEY=VALUE, found {line!r}"


def test_variables_on_the_command_line():
    assert settings.parse_variables(["A=1", "B=a=b"]) == {"A": "1", "B": "a=b"}
    with pytest.raises(errors.UsageError, match="want KEY=VALUE"):
        settings.parse_variables(["A"])


def test_a_folder_is_a_secret_and_a_file_is_its_only_key(tmp_path, capsys):
    import sys

    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "password").write_bytes(b"pw")
    (tmp_path / "token").write_bytes(b"t")
    session = context.Session({}, sys.stdout, sys.stderr, cwd=tmp_path)
    found = settings.read_mounts(
        session, ["db=db", "api=token"], "--secret-mount", "/secrets", "shop"
    )
    assert found == {"/secrets/shop/db/password": b"pw", "/secrets/shop/api/token": b"t"}
    with pytest.raises(errors.CliError, match="no such file"):
        settings.read_mounts(session, ["db=nowhere"], "--secret-mount", "/secrets", "shop")
    with pytest.raises(errors.UsageError, match="want NAME=PATH"):
        settings.read_mounts(session, ["db"], "--secret-mount", "/secrets", "shop")
