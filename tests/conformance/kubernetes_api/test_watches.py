"""Watches: order, resuming, selectors, initial events, the ways they end."""


async def test_a_watch_resumes_where_it_was(space):
    first = await space.create("configmaps", "a")
    second = await space.create("configmaps", "b")
    version = first["metadata"]["resourceVersion"]
    async with space.watch("configmaps", f"resourceVersion={version}") as events:
        assert await events.next() == ("ADDED", second)
        patched = await space.call("PATCH", "configmaps", "b", {"data": {"x": "1"}}, "merge")
        assert await events.next() == ("MODIFIED", patched.body)
        await space.call("DELETE", "configmaps", "b")
        type_, obj = await events.next()
        assert type_ == "DELETED"
        assert obj["data"] == {"x": "1"}
        assert int(obj["metadata"]["resourceVersion"]) > int(
            patched.body["metadata"]["resourceVersion"]
        )


async def test_without_a_version_it_shows_what_is(space):
    await space.create("secrets", "a")
    async with space.watch("secrets", "fieldSelector=metadata.name%3Da") as events:
        type_, obj = await events.next()
        assert (type_, obj["kind"], obj["metadata"]["name"]) == ("ADDED", "Secret", "a")


async def test_leaving_the_selection_is_deleted_with_the_old_labels(space):
    base = await space.create("configmaps", "base")
    version = base["metadata"]["resourceVersion"]
    query = f"labelSelector=sel%3Dy&resourceVersion={version}"
    async with space.watch("configmaps", query) as events:
        await space.create("configmaps", "s", metadata={"labels": {"sel": "y"}})
        assert (await events.next())[0] == "ADDED"
        leave = {"metadata": {"labels": {"sel": "n"}}}
        left = await space.call("PATCH", "configmaps", "s", leave, "merge")
        type_, obj = await events.next()
        assert type_ == "DELETED"
        assert obj["metadata"]["labels"] == {"sel": "y"}
        assert obj["metadata"]["resourceVersion"] == left.body["metadata"]["resourceVersion"]
        await space.call("PATCH", "configmaps", "s", {"data": {"q": "1"}}, "merge")
        enter = {"metadata": {"labels": {"sel": "y"}}}
        await space.call("PATCH", "configmaps", "s", enter, "merge")
        assert (await events.next())[0] == "ADDED"


async def test_a_streaming_list_ends_with_a_bookmark(space):
    await space.create("secrets", "a")
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with space.watch("secrets", query) as events:
        assert (await events.next())[0] == "ADDED"
        type_, obj = await events.next()
        assert type_ == "BOOKMARK"
        assert obj["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        await space.create("secrets", "b")
        assert (await events.next())[0] == "ADDED"
    async with space.watch("coordination.k8s.io/v1/leases", query) as empty:
        assert (await empty.next())[0] == "BOOKMARK"


async def test_too_old_is_an_error_event(space):
    async with space.watch("configmaps", "resourceVersion=1") as events:
        assert events.status == 200
        type_, obj = await events.next()
        assert type_ == "ERROR"
        assert (obj["code"], obj["reason"]) == (410, "Expired")
        assert await events.next() is None


async def test_a_timeout_ends_it_cleanly(space):
    async with space.watch("configmaps", "timeoutSeconds=1&resourceVersion=0") as events:
        while await events.next(10) is not None:
            pass


async def test_nonsense_is_refused_before_the_stream(space):
    for query, code in (
        ("resourceVersion=abc", 500),
        ("labelSelector=a%20in%20(", 400),
        ("sendInitialEvents=true", 422),
        ("resourceVersionMatch=NotOlderThan", 422),
    ):
        async with space.watch("configmaps", query) as events:
            assert events.status == code


async def test_one_object_by_the_old_path(space):
    await space.create("configmaps", "other")
    path = f"/api/v1/watch/namespaces/{space.name}/configmaps/one"
    async with space.server.watch(path) as events:
        await space.create("configmaps", "one")
        assert (await events.next())[1]["metadata"]["name"] == "one"
