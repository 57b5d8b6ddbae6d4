"""The names in the explanation of the flow are names of the code."""

import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "explanation"
ROOMS = "base|cluster|contracts|executor|fetcher|fission_http|fission_python|kube|router|web"
NAME = re.compile(rf"(?<![\w./])((?:{ROOMS})(?:\.\w+)+)")
FILE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.py)`")


def resolve(name):
    """The thing of that dotted name; raises when a part is not there."""
    full = name if name.startswith("fission_") else f"fission.{name}"
    parts = full.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(full)


def names():
    text = (FOLDER / "flow.md").read_text(encoding="utf-8")
    return sorted({found.rstrip(".") for found in NAME.findall(text)})


def test_the_flow_names_functions_of_every_part():
    rooms = {name.partition(".")[0] for name in names()}

    assert {"router", "executor", "fetcher", "fission_python", "fission_http"} <= rooms
    assert len(names()) > 30


@pytest.mark.parametrize("name", names())
def test_a_function_of_the_flow_exists(name):
    assert callable(resolve(name)), f"{name} cannot be called"


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_files_that_a_page_names_exist(page):
    room = "cluster/storage" if page.stem == "store" else page.stem
    folders = [
        ROOT / "src" / "fission" / part
        for part in ("", "cluster", room, f"cluster/{page.stem}", f"{room}/poolmgr")
    ]
    missing = [
        name
        for name in FILE.findall(page.read_text(encoding="utf-8"))
        if not any((folder / name).is_file() for folder in folders)
    ]

    assert missing == []
