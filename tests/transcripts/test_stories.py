"""Every story goes as it is written.

``--update`` writes what is said now, for a person to read before it is kept; of a story that
is told through several ways in, what the first one says, which the others must say too.
"""

from __future__ import annotations

import difflib
import pathlib

import pytest

from tests.transcripts import conftest
from tests.transcripts import story as stories

FOLDER = pathlib.Path(__file__).parent
FILES = sorted(FOLDER.glob("*/*.txt"))


def named(path: pathlib.Path) -> str:
    return f"{path.parent.name}-{path.stem}"


ALL = [
    pytest.param(path, way, id=f"{named(path)}-{way}")
    for path in FILES
    for way in stories.parse(path.read_text(encoding="utf-8")).ways
]


@pytest.mark.parametrize(("path", "way"), ALL)
def test_a_story_goes_as_it_is_written(
    path: pathlib.Path, way: str, teller: conftest.Tell, request: pytest.FixtureRequest
) -> None:
    story = stories.parse(path.read_text(encoding="utf-8"))
    told = teller(named(path), way)

    written = story.text().splitlines()
    story.steps = [told.told(step) for step in story.steps]
    if request.config.getoption("--update") and way == story.ways[0]:
        path.write_text(story.text(), encoding="utf-8")
        return
    lines = difflib.unified_diff(
        written, story.text().splitlines(), "written", "said", n=8, lineterm=""
    )
    differences = "\n".join(lines)
    if differences:
        pytest.fail(f"{path.relative_to(FOLDER)}:\n{differences}", pytrace=False)
