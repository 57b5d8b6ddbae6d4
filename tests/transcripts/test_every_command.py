"""No command without a story."""

from __future__ import annotations

import shlex

from fission.cli import tree
from tests.transcripts import story as stories
from tests.transcripts import test_stories


def commands_told() -> set[str]:
    """Modules of the commands that stories run."""
    found = set()
    for path in test_stories.FILES:
        for step in stories.parse(path.read_text(encoding="utf-8")).steps:
            words = shlex.split(step.line.removeprefix("eventually "))
            if words[0] == "fission":
                entries: tuple[tree.Branch | tree.Leaf, ...] = tree.ROOT
                for word in words[1:]:
                    entry = next((e for e in entries if word in (e.name, *e.aliases)), None)
                    if isinstance(entry, tree.Leaf):
                        found.add(entry.module)
                        break
                    if entry is not None:
                        entries = entry.leaves
    return found


def test_every_command_occurs_in_a_story() -> None:
    leaves = {
        leaf.module
        for entry in tree.ROOT
        for leaf in (entry.leaves if isinstance(entry, tree.Branch) else (entry,))
    }
    assert sorted(leaves - commands_told() - NOT_TOLD) == []


NOT_TOLD = {
    "cluster.up",  # tests/e2e/test_journey.py: stories are told on a platform that runs
    "cluster.down",
}
