"""Every setting and every variable that a process reads has its line on the settings page."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "environments").rglob("*.py")])
READS = (
    r'(?:env|environ|environment)(?:\.get\(|\[|\.setdefault\()"([A-Z][A-Z_]+)"',
    r'settings\.(?:setting|required)\(\s*"([A-Z_]+)"',
    r'^[A-Z_]*VARIABLE[A-Z_]*(?:: Final)? = "([A-Z_]+)"',
)


def variables() -> set[tuple[str, str]]:
    return {
        (found, str(path.relative_to(ROOT)))
        for path in SOURCES
        for pattern in READS
        for found in re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_the_search_finds_variables_of_each_sort():
    found = {name for name, _ in variables()}

    assert {"FISSION_HOME", "ROUTER_TAP_INTERVAL", "FISSION_INTERNAL_AUTH_SECRET"} <= found


@pytest.mark.parametrize(("name", "where"), sorted(variables()))
def test_a_variable_is_documented(name, where):
    assert f"`{name}`" in PAGE, f"{name}, read in {where}, is not in docs/reference/settings.md"
