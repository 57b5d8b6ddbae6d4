import pytest

from fission.cluster.kubelet import errors, hooks


def parse(hook, kind="preStop"):
    return hooks.parse({"name": "c", "lifecycle": {kind: hook}}, kind)


def test_pauses_in_each_of_their_spellings():
    assert hooks.parse({"name": "c"}, "preStop") is None
    assert parse({"sleep": {"seconds": 3}}).sleep_seconds == 3
    assert parse({"exec": {"command": ["/bin/sleep", "4"]}}).sleep_seconds == 4


def test_requests():
    asked = {"path": "/bye", "port": 80}
    assert parse({"httpGet": asked}, "postStart").http_get == asked


def test_programs():
    for words in (["sh", "-c", "x"], ["sleep", "long"]):
        assert parse({"exec": {"command": words}}).command == tuple(words)


@pytest.mark.parametrize(
    ("hook", "field"),
    [
        ({"exec": {"command": []}}, "preStop.exec"),
        ({"tcpSocket": {"port": 1}}, "preStop.tcpSocket"),
    ],
)
def test_others_are_refused(hook, field):
    with pytest.raises(errors.Refused, match=f"container c: lifecycle.{field}"):
        parse(hook)
