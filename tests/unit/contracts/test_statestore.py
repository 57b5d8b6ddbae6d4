"""The statestore wire: key names, what is left out, what Go clients send."""

import json

import pytest

from fission.contracts import gojson
from fission.contracts import statestore as wire


def test_an_event_has_capitalised_keys_and_hides_what_is_our_own():
    event = wire.Event(seq=3, type="text/plain", payload=b"abc")
    assert json.loads(wire.encode(event)) == {"Seq": 3, "Type": "text/plain", "Payload": "YWJj"}
    laned = wire.Event(key="k", headers={"a": "b"})
    assert json.loads(wire.encode(laned)) == {
        "Seq": 0,
        "Type": "",
        "Payload": "",
        "Key": "k",
        "Headers": {"a": "b"},
    }


def test_messages_are_told_by_capitalised_ids():
    leased = wire.LeaseResponse(messages=[wire.LeasedMessage(id="1", receipt="r", attempts=2)])
    assert json.loads(wire.encode(leased)) == {
        "messages": [{"ID": "1", "Receipt": "r", "Body": "", "Attempts": 2}]
    }


def test_what_a_go_client_sends_is_read():
    """Nil slices are null, times are never absent, and a newer one may send more."""
    content = (
        b'{"stream":"s","expectedSeq":-1,"more":true,'
        b'"events":[{"Seq":0,"Type":"t","Payload":null,"At":"0001-01-01T00:00:00Z"}]}'
    )
    request = wire.decode(content, wire.AppendRequest)
    assert (request.stream, request.expected_seq) == ("s", wire.ANY)
    assert (request.events[0].type, request.events[0].payload) == ("t", b"")


def test_an_absent_version_differs_from_zero():
    assert wire.decode(b"{}", wire.SetRequest).if_version is None
    assert wire.decode(b'{"ifVersion":0}', wire.SetRequest).if_version == 0
    scope = b'{"scope":{"Namespace":"n","Owner":"o","Keyspace":"k"},"ifVersion":null}'
    request = wire.decode(scope, wire.SetRequest)
    assert (request.scope, request.if_version) == (wire.Scope("n", "o", "k"), None)


@pytest.mark.parametrize("content", [b"[]", b'{"stream":1}', b"no json", b'{"events":[1]}'])
def test_what_is_no_message_is_refused(content):
    with pytest.raises(gojson.MessageError):
        wire.decode(content, wire.AppendRequest)


def test_the_stream_of_a_topic_cannot_be_that_of_another_namespace():
    assert wire.topic_stream("default", "orders.new") == "topic/default/orders.new"
    for namespace, topic in [("", "a"), ("a/b", "c"), ("a", "b/c"), ("a", ".b"), ("a", "b" * 250)]:
        with pytest.raises(ValueError, match="is not"):
            wire.topic_stream(namespace, topic)
