"""Lists: order, pages that show one moment, versions, selectors."""

import pytest


@pytest.fixture
async def five(space):
    for name in ("c", "a", "e", "b", "d"):
        labels = {"name": name, "vowel": "yes"} if name in "ae" else {"name": name}
        await space.create("secrets", name, metadata={"labels": labels})
    return space


def names(answer):
    return [item["metadata"]["name"] for item in answer.body["items"]]


async def test_items_are_in_order_and_bare(five):
    found = await five.call("GET", "secrets")
    assert names(found) == ["a", "b", "c", "d", "e"]
    assert found.body["kind"] == "SecretList"
    assert found.body["metadata"]["resourceVersion"].isdigit()
    assert "kind" not in found.body["items"][0]


async def test_pages_show_the_moment_of_the_first(five):
    first = await five.call("GET", "secrets", query="limit=2")
    assert names(first) == ["a", "b"]
    assert first.body["metadata"]["remainingItemCount"] == 3
    await five.call("DELETE", "secrets", "c")
    await five.create("secrets", "f")
    token = first.body["metadata"]["continue"]
    second = await five.call("GET", "secrets", query=f"limit=2&continue={token}")
    assert names(second) == ["c", "d"]
    version = first.body["metadata"]["resourceVersion"]
    assert second.body["metadata"]["resourceVersion"] == version
    token = second.body["metadata"]["continue"]
    third = await five.call("GET", "secrets", query=f"limit=2&continue={token}")
    assert names(third) == ["e"]
    assert "continue" not in third.body["metadata"]


async def test_an_exact_version_shows_the_past(five):
    version = (await five.call("GET", "secrets")).body["metadata"]["resourceVersion"]
    await five.call("DELETE", "secrets", "a")
    query = f"resourceVersion={version}&resourceVersionMatch=Exact"
    assert names(await five.call("GET", "secrets", query=query)) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=abc", 400),
        ("resourceVersion=abc", 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Foo", 422),
        ("sendInitialEvents=true", 422),
        ("continue=nonsense", 400),
        ("labelSelector=a%20in%20(", 400),
        ("fieldSelector=data.x%3D1", 400),
        ("resourceVersion=999999999999&resourceVersionMatch=NotOlderThan", 504),
    ],
)
async def test_nonsense_is_refused(space, query, code):
    answer = await space.call("GET", "secrets", query=query)
    assert answer.status == code
    assert answer.body["kind"] == "Status"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("labelSelector=vowel", ["a", "e"]),
        ("labelSelector=!vowel", ["b", "c", "d"]),
        ("labelSelector=name%20in%20(a,b)", ["a", "b"]),
        ("labelSelector=name%20notin%20(a,b),vowel", ["e"]),
        ("labelSelector=name!%3Da", ["b", "c", "d", "e"]),
        ("fieldSelector=metadata.name%3Dc", ["c"]),
        ("fieldSelector=type%3DOpaque,metadata.name!%3Dc", ["a", "b", "d", "e"]),
        ("fieldSelector=type%3Dother", []),
    ],
)
async def test_selectors(five, query, found):
    assert names(await five.call("GET", "secrets", query=query)) == found


async def test_a_namespace_that_does_not_exist_is_empty(server):
    found = await server.call("GET", "/api/v1/namespaces/conformance-none/secrets")
    assert (found.status, found.body["items"]) == (200, [])
