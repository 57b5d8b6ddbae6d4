"""Keys: versions, times to live, pages, budgets."""

from __future__ import annotations

import pytest

from fission.contracts import statestore as wire
from fission.statestore import errors, pairs
from tests.unit.statestore import samples


def test_each_write_counts_the_version_up():
    world = samples.World()
    world.set("a", b"1")
    world.set("a", b"2")
    assert world.get("a") == (b"2", 2)


def test_a_write_may_insist_on_a_version():
    world = samples.World()
    with pytest.raises(errors.VersionConflict, match="does not exist"):
        world.set("a", b"1", version=1)
    world.set("a", b"1", version=0)
    with pytest.raises(errors.VersionConflict, match="exists, at version 1"):
        world.set("a", b"2", version=0)
    world.set("a", b"2", version=1)
    with pytest.raises(errors.VersionConflict, match="at version 2"):
        world.delete("a", version=1)
    world.delete("a", version=2)
    with pytest.raises(errors.NotFound):
        world.get("a")


def test_deleting_what_is_not_there_is_no_error_unless_a_version_is_expected():
    world = samples.World()
    world.delete("a")
    with pytest.raises(errors.VersionConflict):
        world.delete("a", version=1)


def test_a_value_ends_with_its_time_and_its_version_too():
    world = samples.World()
    world.set("a", b"1", ttl=10)
    world.wait(9.9)
    assert world.get("a") == (b"1", 1)
    world.wait(0.1)
    with pytest.raises(errors.NotFound):
        world.get("a")
    assert world.keys() == ([], "")
    world.set("a", b"2", version=0)
    assert world.get("a") == (b"2", 1)
    world.wait(100)
    assert world.get("a") == (b"2", 1)


def test_keys_come_sorted_by_prefix_and_page():
    world = samples.World()
    for key in ("b1", "a", "b3", "b2", "c", "bä", "B"):
        world.set(key)
    assert world.keys("b") == (["b1", "b2", "b3", "bä"], "")
    first, token = world.keys("b", limit=3)
    assert (first, token) == (["b1", "b2", "b3"], "b3")
    assert world.keys("b", token, limit=3) == (["bä"], "")
    assert world.keys("x") == ([], "")


def test_a_scope_takes_no_more_keys_than_its_owner_allows():
    world = samples.World()
    world.set("a", max_keys=2)
    world.set("b", ttl=5, max_keys=2)
    with pytest.raises(errors.QuotaExceeded, match="holds 2 keys"):
        world.set("c", max_keys=2)
    world.set("a", b"new", max_keys=2)
    world.wait(5)
    world.set("c", max_keys=2)
    assert world.keys()[0] == ["a", "c"]


def test_a_scope_whose_keys_all_ended_takes_new_ones():
    world = samples.World()
    world.set("a", ttl=1, max_keys=1)
    world.wait(2)
    world.set("a", b"again", max_keys=1)
    assert world.get("a") == (b"again", 1)
    assert pairs.count(world.db) == 1


def test_scopes_are_apart():
    world = samples.World()
    world.set("a", b"1")
    other = wire.GetRequest(scope=wire.Scope("default", "function/g", "state"), key="a")
    with pytest.raises(errors.NotFound):
        pairs.get(world.db, other, world.now)


def test_ended_values_are_swept_and_counted_off():
    world = samples.World()
    for number in range(5):
        world.set(f"k{number}", ttl=1)
    world.set("stays")
    world.wait(1)
    assert world.write(lambda db: pairs.sweep(db, world.now, 4)) is True
    assert world.write(lambda db: pairs.sweep(db, world.now, 4)) is False
    assert pairs.count(world.db) == 1
    world.delete("stays")
    assert pairs.count(world.db) == 0
    request = wire.ListRequest(scope=samples.SCOPE)
    assert pairs.list_(world.db, request, world.now).keys == []
