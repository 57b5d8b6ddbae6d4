"""Which builds are the same, and which of them are remembered."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

from fission.api import environment_types, package_types
from fission.buildermgr import buildcache
from tests.unit.buildermgr import samples

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def key(package: package_types.Package | None = None, **more: Any) -> str | None:
    return buildcache.key_of(
        package or samples.a_package(),
        more.get("environment", samples.an_environment()),
        more.get("target", samples.TARGET),
    )


def entry(url: str = "http://s/1", hours: int = 0) -> buildcache.Entry:
    checksum = package_types.Checksum(type="sha256", sum="1" * 64)
    return buildcache.Entry(url, checksum, NOON + datetime.timedelta(hours=hours))


def test_equal_inputs_are_the_same_build() -> None:
    assert key() == key()
    # The same bytes are the same source, inside the object or outside of it.
    linked = samples.a_package(b"")
    linked.spec.source = package_types.Archive(
        type="url",
        url="http://storagesvc.fission/v1/archive?id=2",
        checksum=package_types.Checksum(
            type="sha256", sum="ae3c6a7ef99dfcb0a5ab7ca49b0d44dbcd7a5a8cb0d2fbf5dc3e3d2f2ac9e0a0"
        ),
    )
    assert key(linked) is not None
    # The environment's command and the package's are one and the same.
    builder = environment_types.Builder(image="fission/python-builder", command="./b")
    assert key(environment=samples.an_environment(builder=builder)) == key(
        samples.a_package(command="./b")
    )
    assert key(environment=samples.an_environment(pool_size=9)) == key()


def test_whatever_may_change_the_outcome_is_another_build() -> None:
    others = [
        key(samples.a_package(b"other")),
        key(samples.a_package(command="./b")),
        key(environment=samples.an_environment(keep_archive=True)),
        key(target=dataclasses.replace(samples.TARGET, image_id="x@sha256:2")),
    ]
    for builder in (
        environment_types.Builder(image="fission/python-builder-3.13"),
        environment_types.Builder(image="fission/python-builder", podspec={"hostname": "x"}),
        environment_types.Builder(
            image="fission/python-builder", container={"env": [{"name": "A", "value": "1"}]}
        ),
    ):
        others.append(key(environment=samples.an_environment(builder=builder)))
    assert None not in others
    assert len({key(), *others}) == len(others) + 1


def test_a_source_of_unknown_content_is_never_found() -> None:
    package = samples.a_package(b"")
    package.spec.source = package_types.Archive(type="url", url="http://example/x.zip")
    assert key(package) is None


def test_what_was_put_is_found() -> None:
    patch = buildcache.plan_put(None, "k", entry(), 10)
    cache = {"data": patch}
    assert json.loads(patch["k"] or "") == {
        "url": "http://s/1",
        "checksum": {"type": "sha256", "sum": "1" * 64},
        "time": "2026-01-01T12:00:00Z",
    }
    found = buildcache.find(cache, "k")
    assert found == entry()
    assert found is not None
    assert found.archive().url == "http://s/1"
    assert buildcache.find(cache, "other") is None
    assert buildcache.find({"data": {"k": "nonsense"}}, "k") is None
    assert buildcache.find(None, "k") is None


def test_those_used_longest_ago_go_first() -> None:
    data: dict[str, str | None] = {}
    for number in range(3):
        data |= buildcache.plan_put({"data": data}, f"k{number}", entry(hours=number), 3)
    data["broken"] = "nonsense"
    patch = buildcache.plan_put({"data": data}, "new", entry(hours=9), 3)
    assert sorted(patch) == ["broken", "k0", "new"]
    assert (patch["broken"], patch["k0"]) == (None, None)
    again = buildcache.plan_put({"data": data}, "k2", entry(hours=9), 4)
    assert list(again) == ["k2"]


def test_a_cache_belongs_to_its_environment() -> None:
    made = buildcache.make_config_map(samples.an_environment(), {"k": "v"}, owner_references=True)
    assert made["metadata"]["name"] == "fission-build-cache-python"
    assert made["metadata"]["labels"] == {"fission.io/build-cache": "python"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "env-1"
