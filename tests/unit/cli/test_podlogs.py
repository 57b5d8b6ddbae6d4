from fission.cli.function import podlogs


def a_pod(name, version, **metadata):
    return {"metadata": {"name": name, "resourceVersion": version, **metadata}}


def test_the_newest_pod_is_one_that_stays():
    old = a_pod("old", "9", deletionTimestamp="2026-01-01T00:00:00Z")

    assert podlogs.newest([a_pod("first", "3"), a_pod("next", "12"), old])["metadata"] == {
        "name": "next",
        "resourceVersion": "12",
    }
    later = a_pod("later", "20", deletionTimestamp="2026-01-01T00:00:00Z")
    assert podlogs.newest([later, a_pod("next", "12")])["metadata"]["name"] == "next"
    assert podlogs.newest([old])["metadata"]["name"] == "old"
