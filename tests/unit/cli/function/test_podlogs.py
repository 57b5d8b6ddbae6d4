from fission.cli.function import following, podlogs


def a_pod(name, version="1", **metadata):
    return {"metadata": {"name": name, "resourceVersion": version, **metadata}}


def a_running_pod(name, *, state=None, restarts=0, last=None, containers=("python", "fetcher")):
    statuses = [
        {
            "name": each,
            "state": {"running": {}} if state is None else state,
            "lastState": {"terminated": last} if last else {},
            "restartCount": restarts,
        }
        for each in containers
    ]
    return {
        **a_pod(name, uid=f"uid-{name}", namespace="default"),
        "spec": {"containers": [{"name": each} for each in containers]},
        "status": {"containerStatuses": statuses},
    }


def test_the_newest_pod_is_one_that_stays():
    old = a_pod("old", "9", deletionTimestamp="2026-01-01T00:00:00Z")

    assert podlogs.newest([a_pod("first", "3"), a_pod("next", "12"), old])["metadata"] == {
        "name": "next",
        "resourceVersion": "12",
    }
    later = a_pod("later", "20", deletionTimestamp="2026-01-01T00:00:00Z")
    assert podlogs.newest([later, a_pod("next", "12")])["metadata"]["name"] == "next"
    assert podlogs.newest([old])["metadata"]["name"] == "old"


def test_a_log_is_named_by_its_pod_and_by_its_container_where_a_pod_has_two():
    plain, double = a_running_pod("a"), a_running_pod("b", containers=("main", "side"))

    assert [source.name for source in podlogs.sources([plain, double])] == ["a", "b/main", "b/side"]


def test_a_crash_is_told_and_an_end_is_not():
    crashed = {"reason": "OOMKilled", "exitCode": 137}
    done = {"reason": "Completed", "exitCode": 0}

    assert podlogs.crash(a_running_pod("a", restarts=1, last=crashed), "python") == (
        "OOMKilled (code 137)"
    )
    assert podlogs.crash(a_running_pod("a", restarts=1, last=done), "python") == ""
    assert podlogs.crash(a_running_pod("a"), "python") == ""
    assert podlogs.crash(a_pod("a"), "python") == ""


def names(found):
    return [attempt for attempt, _ in found]


def test_a_container_is_followed_once_it_runs_and_again_when_it_is_started_again():
    waiting = a_running_pod("a", state={"waiting": {}})
    assert following.new_attempts([waiting], set()) == []

    first = names(following.new_attempts([a_running_pod("a")], set()))
    assert first == [("uid-a", "python", 0)]
    assert following.new_attempts([a_running_pod("a")], set(first)) == []
    again = names(following.new_attempts([a_running_pod("a", restarts=1)], set(first)))
    assert again == [("uid-a", "python", 1)]


def test_a_container_that_has_ended_is_read_for_its_last_words():
    ended = a_running_pod("a", state={"terminated": {"exitCode": 1}})

    assert names(following.new_attempts([ended], set())) == [("uid-a", "python", 0)]
