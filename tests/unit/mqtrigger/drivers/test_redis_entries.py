"""Messages as entries of a stream."""

from __future__ import annotations

import orjson

from fission.mqtrigger.drivers import redis_entries


def test_our_own_entries_come_back_as_they_were() -> None:
    headers = {"Content-Type": "a/b", "X-Name": "ü"}
    fields = redis_entries.encode(b"\x00\xff", headers, "k")
    assert redis_entries.decode(fields) == (b"\x00\xff", headers, "k")
    assert redis_entries.decode(redis_entries.encode(b"", {}, "")) == (b"", {}, "")


def test_fields_of_others_become_an_object() -> None:
    fields = {b"temperature": b"21", b"key": b"room", b"header:X-A": b"b"}
    body, headers, key = redis_entries.decode(fields)
    assert orjson.loads(body) == {"temperature": "21", "key": "room"}
    assert headers == {"Content-Type": "application/json", "X-A": "b"}
    assert key == "room"
