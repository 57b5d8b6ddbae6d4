"""Replays recorded exchanges of a real API server and compares the answers.

Placeholders of the recording (``<uid-1>``, ``<r7>``, ``<t2>``, …) are bound to the first value
they meet and must meet the same one ever after; resourceVersions must keep their order.
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

PLACEHOLDER = re.compile(r"<([a-z-]+?)-?(\d+)(?:\.(?:us|ns))?>")
REVISION = re.compile(r"<r(\d+)>")
MOMENT = re.compile(r"<t(\d+)(\.\w+)?>")
GENERATED = re.compile(r"(?<=kube-api-access-)[a-z0-9]{5}|(?<=gen-)[a-z0-9]{5}|^\d+[smhd].*")
IGNORED = ("managedFields", "selfLink", "storageVersionHash")
"""What the recordings leave out, or what only an aggregated cluster has a use for."""


@dataclass
class Exchange:
    name: str
    client: str
    request: dict
    response: dict
    notes: str = ""

    @property
    def title(self):
        return f"{self.name}: {self.request['method']} {self.request['path']}"


def load(path: Path):
    """The exchanges of one topic, ``$same_as`` resolved."""
    exchanges, bodies = [], {}
    for line in path.read_text().splitlines():
        raw = json.loads(line)
        if "request" not in raw:
            continue
        item = Exchange(
            raw["name"], raw.get("client", ""), raw["request"], raw["response"], raw.get("notes")
        )
        body = item.response.get("body")
        if isinstance(body, dict) and "$same_as" in body:
            item.response["body"] = bodies.get(body["$same_as"])
        else:
            bodies[item.title.replace(": ", " ", 1)] = body
        exchanges.append(item)
    return exchanges


def _same_but_random(expected, found):
    """Equal but for generated names and for ages."""
    if not isinstance(expected, str) or not isinstance(found, str):
        return False
    return GENERATED.sub("x", expected) == GENERATED.sub("x", found)


@dataclass
class Binding:
    """What the placeholders stand for in this run."""

    values: dict = field(default_factory=dict)

    def resolve(self, text: str) -> str | None:
        """A request text with its placeholders filled in; None when one is not known."""
        missing = False

        def fill(match):
            nonlocal missing
            known = self.values.get(match[0])
            if known is None:
                missing = True
                return match[0]
            return str(known)

        filled = re.sub(r"<(?:[a-z-]+-\d+|r\d+|t\d+(?:\.\w+)?)>", fill, text)
        return None if missing else filled

    def match(self, expected, found, path=""):
        """Differences between a recorded value and a found one."""
        if isinstance(expected, str) and "<" in expected:
            return self._match_text(expected, found, path)
        if isinstance(expected, dict) and isinstance(found, dict):
            differences = []
            for key in expected.keys() | found.keys():
                if key in IGNORED or (key == "description" and "columnDefinitions" in path):
                    continue
                here = f"{path}.{key}"
                if key not in found:
                    differences.append(f"{here}: missing, expected {expected[key]!r}")
                elif key not in expected:
                    differences.append(f"{here}: not expected, found {found[key]!r}")
                else:
                    differences += self.match(expected[key], found[key], here)
            return differences
        if isinstance(expected, list) and isinstance(found, list):
            if len(expected) != len(found):
                return [f"{path}: {len(expected)} items expected, {len(found)} found"]
            return [
                difference
                for position, pair in enumerate(zip(expected, found, strict=True))
                for difference in self.match(*pair, f"{path}[{position}]")
            ]
        if _same_but_random(expected, found):
            return []
        return [] if expected == found else [f"{path}: expected {expected!r}, found {found!r}"]

    def _match_text(self, expected, found, path):
        if not isinstance(found, str):
            return [f"{path}: expected {expected!r}, found {found!r}"]
        if MOMENT.fullmatch(expected):
            good = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", found)
            return [] if good else [f"{path}: expected a time, found {found!r}"]
        whole = re.fullmatch(r"<(?:[a-z-]+-\d+|r\d+)>", expected)
        if whole:
            known = self.values.setdefault(expected, found)
            return [] if known == found else [f"{path}: {expected} was {known!r}, now {found!r}"]
        pattern = re.escape(expected)
        pattern = re.sub(r"<(?:[a-z-]+-\d+|r\d+|t\d+(?:\\\.\w+)?|[^<>]*)>", r".*?", pattern)
        if re.fullmatch(pattern, found, re.DOTALL):
            return []
        return [f"{path}: expected {expected!r}, found {found!r}"]

    def revision_problems(self):
        """Recorded revisions are numbered in order; so must be those of this run."""
        known = sorted(
            (int(match[1]), int(value))
            for name, value in self.values.items()
            if (match := REVISION.fullmatch(name)) and str(value).isdigit()
        )
        return [
            f"<r{a[0]}> = {a[1]} but <r{b[0]}> = {b[1]}"
            for a, b in itertools.pairwise(known)
            if a[1] > b[1]
        ]
