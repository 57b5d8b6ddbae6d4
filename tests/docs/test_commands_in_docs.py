"""Commands in the documents are commands of the tree: names and flags, without running them."""

import io
import pathlib
import re
import shlex

import click
import pytest

from fission.cli import command, context, errors

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL_WORDS = {"|", "&&", "||", ";", "&", ">", ">>", "<", "2>", "2>&1"}


def commands_of(text):
    """The words after ``fission`` of each command in fenced blocks."""
    for block in FENCE.findall(text):
        if "Available Commands:" in block:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                continue
            while words:
                ends = [at for at, word in enumerate(words) if word in SHELL_WORDS]
                end = ends[0] if ends else len(words)
                first, words = words[:end], words[end + 1 :]
                if first[:1] == ["$"]:
                    first = first[1:]
                if first and first[0].rpartition("/")[2] == "fission":
                    yield first[1:]


def problem(words):
    """What the command line would say against these words; None when nothing."""
    session = context.Session({}, io.StringIO(), io.StringIO(), cwd=ROOT)
    found = command.root()
    ctx = click.Context(found, info_name="fission", obj=session)
    rest = list(words)
    try:
        while isinstance(found, click.Group):
            if not rest:
                return f"fission {' '.join(words)} names no command"
            _, chosen, rest = found.resolve_command(ctx, rest)
            assert chosen is not None
            ctx = click.Context(chosen, info_name=chosen.name, parent=ctx, obj=session)
            found = chosen
        found.parse_args(ctx, rest)
    except (errors.UsageError, click.ClickException) as error:
        return f"fission {' '.join(words)}: {error}"
    except click.exceptions.Exit:
        return None
    return None


ALL = [
    pytest.param(words, id=f"{path.relative_to(ROOT)}:{' '.join(words)[:60]}")
    for path in PAGES
    for words in commands_of(path.read_text(encoding="utf-8"))
]


def test_commands_are_found_in_fenced_blocks():
    text = "```sh\nfission fn test --name a && curl x | fission fn list\nls fission\n```\n"

    assert list(commands_of(text)) == [["fn", "test", "--name", "a"], ["fn", "list"]]
    assert len(ALL) > 20


@pytest.mark.parametrize(
    "words", [["fn", "tset"], ["fn", "test", "--nmae", "a"], ["fn", "test"], ["fn"]]
)
def test_what_is_not_a_command_is_noticed(words):
    assert problem(words)


@pytest.mark.parametrize("words", ALL)
def test_a_command_of_the_documents_exists_with_its_flags(words):
    assert problem(words) is None
