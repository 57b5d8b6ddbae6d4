"""Bodies of answers on their way: whole, byte by byte, with and without chunks."""

import pytest

from fission.router import answerbody, headedit
from fission_http import body as bodies

CHUNKED = b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n"
LENGTH, NONE, CLOSE = bodies.Framing.LENGTH, bodies.Framing.NONE, bodies.Framing.CLOSE


def a_body(framing: bodies.Framing, minor: int = 1, length: int = 0) -> answerbody.AnswerBody:
    decode = framing is bodies.Framing.CHUNKED and minor == 0
    encode = framing is CLOSE and minor == 1
    shape = headedit.ResponsePlan(b"", (framing, minor, None), decode=decode, encode=encode)
    return answerbody.AnswerBody(framing, length, shape)


def fed(body: answerbody.AnswerBody, data: bytes, step: int) -> tuple[bytes, bool, bool]:
    """What the client got, whether that was all, and whether there was too much at the end."""
    found, done, surplus = b"", False, False
    for at in range(0, len(data), step):
        assert not done
        more, done, surplus = body.feed(data[at : at + step])
        found += more
    return found, done, surplus


@pytest.mark.parametrize("step", [1, 2, 100])
@pytest.mark.parametrize(
    ("framing", "minor", "length", "data", "expected", "done"),
    [
        (LENGTH, 1, 5, b"abcde", b"abcde", True),
        (LENGTH, 1, 9, b"abcde", b"abcde", False),
        (bodies.Framing.CHUNKED, 1, 0, CHUNKED, CHUNKED, True),
        (bodies.Framing.CHUNKED, 0, 0, CHUNKED, b"abcde", True),
        (bodies.Framing.CHUNKED, 1, 0, CHUNKED[:-1], CHUNKED[:-1], False),
        (CLOSE, 0, 0, b"abcde", b"abcde", False),
    ],
)
def test_bytes_pass_until_the_end(framing, minor, length, data, expected, done, step):
    assert fed(a_body(framing, minor, length), data, step) == (expected, done, False)


@pytest.mark.parametrize(
    ("framing", "data", "expected"),
    [
        (LENGTH, b"abcdefg", b"abcde"),
        (bodies.Framing.CHUNKED, CHUNKED + b"x", CHUNKED),
        (NONE, b"x", b""),
    ],
)
def test_what_is_too_much_is_not_passed_on(framing, data, expected):
    assert a_body(framing, length=5).feed(data) == (expected, True, True)


def test_an_end_that_only_closing_tells_is_told_in_the_clients_way():
    new, old = a_body(CLOSE, 1), a_body(CLOSE, 0)
    assert (new.feed(b"abc"), new.end()) == ((b"3\r\nabc\r\n", False, False), b"0\r\n\r\n")
    assert (old.feed(b"abc"), old.end()) == ((b"abc", False, False), b"")
    assert (new.is_unframed, old.is_unframed) == (True, True)
    assert a_body(LENGTH, length=1).end() is None
    assert a_body(bodies.Framing.CHUNKED, 0).is_unframed
