"""Links between documents lead somewhere, and every decision is listed."""

import pathlib
import re

import pytest

from tests.docs import test_commands_in_docs as pages

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(path):
    """The anchors of a page's headings, as hosts of Markdown make them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("folder", ["decisions", "explanation"])
def test_every_page_is_on_its_folders_index(folder):
    index = (ROOT / "docs" / folder / "README.md").read_text(encoding="utf-8")
    there = {path.name for path in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}

    assert there - set(LINK.findall(index)) == set()


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            target = target / "README.md" if target.is_dir() else target
            if "://" not in link and target.suffix == ".md" and target.exists():
                waiting.append(target)

    assert [str(page.relative_to(ROOT)) for page in pages.PAGES if page not in reached] == []
