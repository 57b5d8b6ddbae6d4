"""What it costs to find a request's route, with 10 and with 10,000 routes; and to change one.

Four kinds of tables: literal paths, prefixes, templates, and a third of each over two hosts. Ten
paths are asked for in each, drawn from its routes. A figure is the best of several rounds: what is
measured is the work, not what else the machine does meanwhile. `ratio` stands beside the smallest
table of the same kind. Memory is what a route and its trigger take.
"""

import gc
import itertools
import random
import time
import tracemalloc

COUNTS = (10, 1_000, 10_000)
ASKED = 10
SEARCHES = 2_000
ROUNDS = 40
CHANGES = 200


def run() -> dict[str, object]:
    """Microseconds per search and per change."""
    rows = []
    _measure("literal", 1)
    for kind in ("literal", "prefix", "template", "mixed with hosts"):
        smallest = None
        for count in COUNTS:
            row = _measure(kind, count)
            smallest = smallest or float(row["search_us"])
            row["ratio"] = round(float(row["search_us"]) / smallest, 2)
            rows.append(row)
    return {"title": "A request's route, by number of routes", "rows": rows}


def _measure(kind: str, count: int) -> dict[str, object]:
    from fission.router import routetable

    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    function = object()
    table = routetable.Table(lambda namespace, name: function)
    triggers = [_trigger(kind, number) for number in range(count)]
    for trigger in triggers:
        table.put(trigger)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(table.routes) == count, table.refused
    first = random.Random(1).randrange(max(count // ASKED, 1)) * ASKED
    asked = range(first, min(first + ASKED, count))
    wanted = [_request(kind, number) for number in asked]
    for host, path in wanted:
        assert isinstance(table.find(host, path, "GET"), routetable.Match)
    return {
        "kind": kind,
        "routes": count,
        "search_us": min(_search(table, wanted) for _ in range(ROUNDS)) * 1e6,
        "miss_us": min(_search(table, [("h1", "/no/such/path")]) for _ in range(ROUNDS)) * 1e6,
        "change_us": min(_change(table, triggers) for _ in range(5)) * 1e6,
        "bytes_per_route": kept // count,
    }


def _search(table: object, wanted: list[tuple[str, str]]) -> float:
    find = table.find
    searches = list(itertools.islice(itertools.cycle(wanted), SEARCHES))
    begun = time.perf_counter()
    for host, path in searches:
        find(host, path, "GET")
    return (time.perf_counter() - begun) / SEARCHES


def _change(table: object, triggers: list[object]) -> float:
    chosen = random.Random(2).choices(triggers, k=CHANGES)
    begun = time.perf_counter()
    for trigger in chosen:
        metadata = trigger.metadata
        table.drop((metadata.namespace, metadata.name))
        table.put(trigger)
    return (time.perf_counter() - begun) / CHANGES


def _form(kind: str, number: int) -> tuple[str, str, str]:
    """Field, pattern and host of a route."""
    if kind == "mixed with hosts":
        field, path, _ = _form(("literal", "prefix", "template")[number // 2 % 3], number)
        return field, path, f"h{number % 2}"
    if kind == "prefix":
        return "prefix", f"/teams/t{number % 50}/apps/a{number}", ""
    if kind == "template":
        return "relativeurl", f"/teams/{{team}}/apps/a{number}/items/{{item:[0-9]+}}", ""
    return "relativeurl", f"/teams/t{number % 50}/apps/a{number}", ""


def _request(kind: str, number: int) -> tuple[str, str]:
    """Host and path of a request to it."""
    field, path, host = _form(kind, number)
    path = path.replace("{team}", "red").replace("{item:[0-9]+}", "77")
    return host, path + "/some/thing" if field == "prefix" else path


def _trigger(kind: str, number: int) -> object:
    from fission.api import httptrigger_types, objects

    field, path, host = _form(kind, number)
    wire = {
        "metadata": {
            "name": f"r{number}",
            "namespace": "default",
            "uid": f"uid-{number}",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "functionref": {"type": "name", "name": f"f{number % 100}"},
            "methods": ["GET"],
            "host": host,
            field: path,
        },
    }
    return objects.decode(httptrigger_types.HTTPTrigger, wire)
