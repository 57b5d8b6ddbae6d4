"""The breakdown of a start, and how a fetcher tells its part of it."""

from __future__ import annotations

import datetime

import pytest

from fission.contracts import coldstart

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_an_annotation_says_when_how_long_and_what() -> None:
    start = coldstart.make(AT, 0.0123, [coldstart.Step("pod", 0.5), coldstart.Step("load", 9.0)])
    text = coldstart.encode(start)
    assert text == (
        '{"at":"2026-01-02T03:04:05Z","totalMs":12.3,'
        '"steps":[{"name":"pod","ms":0.5},{"name":"load","ms":9.0}]}'
    )
    assert coldstart.decode(text) == start


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}'])
def test_what_is_no_breakdown_is_none(text: str) -> None:
    assert coldstart.decode(text) is None


def test_a_header_is_read_back() -> None:
    steps = [coldstart.Step("fetch", 3.1), coldstart.Step("load", 5.0)]
    assert coldstart.make_header(steps) == "fetch;dur=3.1, load;dur=5.0"
    assert coldstart.parse_header(coldstart.make_header(steps)) == steps


def test_what_is_not_understood_in_a_header_is_left_out() -> None:
    value = 'cache;desc="x", load;dur=abc, ;dur=1, fetch ; dur = 2'
    assert coldstart.parse_header(value) == [coldstart.Step("fetch", 2.0)]
