"""The table against a reading of the rules that looks at every trigger: whatever was put in or
taken out before, in whatever order."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from fission.api import httptrigger_types, objects
from fission.router import routetable
from tests.support import routing

FUNCTIONS = {("default", name): object() for name in ("f", "g")}

SEGMENTS = ("a", "b", "{v}", "{v:[ab]+}", "x-{v}", "{v:.+}", "{v:[a-c/]+}")
METHODS = ("GET", "POST")
PATHS = some.lists(some.sampled_from(("a", "b", "ab", "x-a", "c", "")), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def _named(parts: list[str], *, slash: bool) -> str:
    numbered = [part.replace("{v", f"{{v{index}") for index, part in enumerate(parts)]
    return "/" + "/".join(numbered) + ("/" if slash else "")


TEMPLATES = some.builds(
    _named, some.lists(some.sampled_from(SEGMENTS), min_size=1, max_size=3), slash=some.booleans()
)
TRIGGERS = some.fixed_dictionaries(
    {
        "name": some.sampled_from([f"t{number}" for number in range(8)]),
        "function": some.sampled_from(["f", "g", "gone"]),
        "path": TEMPLATES,
        "is_prefix": some.booleans(),
        "methods": some.lists(some.sampled_from(METHODS), unique=True),
        "host": some.sampled_from(["", "h"]),
        "created": some.sampled_from([f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3)]),
        "cors": some.booleans(),
    }
)
Wanted = dict[str, Any]


def _wire(one: Wanted) -> dict[str, Any]:
    spec: dict[str, Any] = {"methods": one["methods"], "host": one["host"]}
    spec["prefix" if one["is_prefix"] else "relativeurl"] = one["path"]
    if one["cors"]:
        spec["corsConfig"] = {"allowOrigins": ["*"]}
    return routing.a_trigger(one["name"], one["function"], created=one["created"], **spec)


def _pattern(path: str) -> str:
    found = ""
    for part in re.split(r"(\{[^{}]*\})", path):
        if part.startswith("{"):
            found += f"(?:{part[1:-1].partition(':')[2] or '[^/]+'})"
        else:
            found += re.escape(part)
    return found


def _shape(one: Wanted) -> tuple[str, bool, str]:
    return (one["host"], one["is_prefix"], _pattern(one["path"]))


def _served(all_of_them: dict[str, Wanted]) -> list[Wanted]:
    """Those that no older one keeps out, the oldest first."""
    kept: list[Wanted] = []
    for one in sorted(all_of_them.values(), key=lambda each: (each["created"], each["name"])):
        if one["function"] == "gone":
            continue
        same = [other for other in kept if _shape(other) == _shape(one)]
        if not any(set(other["methods"]) & set(one["methods"]) for other in same):
            kept.append(one)
    return kept


def _rank(one: Wanted, path: str) -> tuple[int, int] | None:
    """Where a trigger stands among those that the path belongs to; smaller is better."""
    prefix = one["is_prefix"]
    pattern = _pattern(one["path"])
    if not (prefix and one["path"].endswith("/")) and re.fullmatch(pattern, path):
        return (0, 0)
    if not prefix:
        return None
    below = one["path"] if one["path"].endswith("/") else one["path"] + "/"
    return (1, -len(below)) if re.match(_pattern(below), path) else None


def _expected(served: list[Wanted], host: str, path: str, method: str) -> str:
    found = []
    for one in served:
        rank = _rank(one, path)
        if rank is not None and one["host"] in ("", host):
            found.append(((not one["host"], *rank, one["created"], one["name"]), one))
    allowed: set[str] = set()
    for _, one in sorted(found, key=lambda each: each[0]):
        methods = {*one["methods"], *(["OPTIONS"] if one["cors"] else [])}
        if method in methods:
            return str(one["name"])
        allowed |= methods
    return "not " + " ".join(sorted(allowed)) if found else "nothing"


def _found(table: routetable.Table, host: str, path: str, method: str) -> str:
    found = table.find(host, path, method)
    if found is None:
        return "nothing"
    if isinstance(found, routetable.NotAllowed):
        return "not " + " ".join(sorted(found.methods))
    return found.route.trigger.metadata.name


@settings(max_examples=150, deadline=None)
@given(
    some.lists(some.one_of(TRIGGERS, TRIGGERS, some.sampled_from(["t0", "t1", "t2", "t3"]))),
    some.lists(PATHS, min_size=1, max_size=8),
)
def test_whatever_changed_before_the_rules_hold(changes, paths):
    table = routetable.Table(lambda ns, name: FUNCTIONS.get((ns, name)))
    there: dict[str, Wanted] = {}
    for change in changes:
        if isinstance(change, str):
            there.pop(change, None)
            table.drop(("default", change))
        else:
            there[change["name"]] = change
            table.put(objects.decode(httptrigger_types.HTTPTrigger, _wire(change)))
    served = _served(there)
    assert {name for _, name in table.routes} == {one["name"] for one in served}
    assert {name for _, name in table.refused} == there.keys() - {one["name"] for one in served}
    for path in paths:
        for host in ("h", "other"):
            for method in ("GET", "POST", "OPTIONS"):
                wanted = _expected(served, host, path, method)
                assert _found(table, host, path, method) == wanted, (path, host, method)
    for name in there:
        table.drop(("default", name))
    assert not table.routes
    assert not table.refused
    assert not table.has_hosts


def test_a_function_that_comes_or_goes_moves_its_triggers():
    functions: dict[tuple[str, str], object] = {}
    table = routetable.Table(lambda ns, name: functions.get((ns, name)))
    trigger = objects.decode(
        httptrigger_types.HTTPTrigger, routing.a_trigger("t", "f", relativeurl="/a")
    )
    key = ("default", "t")
    assert table.put(trigger) == {key}
    assert table.refused[key].reason == "FunctionNotFound"
    functions["default", "f"] = first = object()
    assert list(table.callers(("default", "f"))) == [key]
    assert not table.is_current(trigger)
    table.put(trigger)
    assert table.routes[key].functions.things == [first]
    functions["default", "f"] = second = object()
    assert not table.is_current(trigger)
    route = table.routes[key]
    assert table.put(trigger) == set()
    assert table.routes[key] is route
    assert route.functions.things == [second]
    assert table.is_current(trigger)
    del functions["default", "f"]
    table.put(trigger)
    assert not table.routes
    table.drop(key)
    assert not list(table.callers(("default", "f")))


def test_the_loser_is_served_once_the_winner_goes():
    table = routetable.Table(lambda ns, name: FUNCTIONS.get((ns, name)))

    def put(name: str, day: int) -> set[tuple[str, str]]:
        wire = routing.a_trigger(name, "f", relativeurl="/a", created=f"2026-01-0{day}T00:00:00Z")
        return table.put(objects.decode(httptrigger_types.HTTPTrigger, wire))

    put("young", 3)
    assert put("old", 2) == {("default", "old"), ("default", "young")}
    put("youngest", 4)
    assert "default/old" in table.refused["default", "youngest"].message
    assert table.drop(("default", "old")) == {("default", "young"), ("default", "youngest")}
    assert [name for _, name in table.routes] == ["young"]
    assert "default/young" in table.refused["default", "youngest"].message


def test_a_new_status_replaces_what_is_held_and_nothing_else():
    table = routetable.Table(lambda ns, name: FUNCTIONS.get((ns, name)))

    def decode(**status: object) -> httptrigger_types.HTTPTrigger:
        wire = routing.a_trigger("t", "f", relativeurl="/a") | {"status": status}
        return objects.decode(httptrigger_types.HTTPTrigger, wire)

    table.put(decode())
    route = table.routes["default", "t"]
    later = decode(observedGeneration=1)
    table.renew(later)
    assert table.routes["default", "t"] is route
    assert route.trigger is later
