"""Chunked coding: payload found, framing checked, in any pieces."""

import pytest

from fission_http import body as bodies
from fission_http import head as heads

CODED = b'5;name="a \\" b"\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n'


def test_the_payload_comes_out_and_the_rest_is_left():
    scanner = bodies.ChunkedScanner()
    payload: list[bytes] = []
    end = scanner.scan(b"xx" + CODED + b"GET /", 2, payload)
    assert b"".join(payload) == b"hello!"
    assert scanner.done
    assert scanner.payload_bytes == 6
    assert end == 2 + len(CODED)


def test_byte_by_byte_is_the_same():
    scanner = bodies.ChunkedScanner()
    payload: list[bytes] = []
    for index in range(len(CODED)):
        assert not scanner.done
        assert scanner.scan(CODED[index : index + 1], 0, payload) == 1
    assert scanner.done
    assert b"".join(payload) == b"hello!"


@pytest.mark.parametrize(
    "coded",
    [
        b"\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-1\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5;\x00\r\nhello\r\n0\r\n\r\n",
        b"5;a=\r\nhello\r\n0\r\n\r\n",
        b"0\r\nbad trailer\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nA: b\n\r\n",
        b"f" * 16 + b"\r\n",
        b"5;" + b"a" * 2000,
        b"0\r\nA: " + b"a" * 10000,
    ],
)
def test_broken_coding_is_refused_whole_and_byte_by_byte(coded):
    with pytest.raises(bodies.BodyError):
        bodies.ChunkedScanner().scan(coded)
    scanner = bodies.ChunkedScanner()

    def feed_all() -> None:
        for index in range(len(coded)):
            scanner.scan(coded[index : index + 1])

    with pytest.raises(bodies.BodyError):
        feed_all()


@pytest.mark.parametrize(
    ("method", "text", "framing"),
    [
        (b"GET", b"200 OK\r\nContent-Length: 3", bodies.Framing.LENGTH),
        (b"GET", b"200 OK\r\nContent-Length: 0", bodies.Framing.NONE),
        (b"GET", b"200 OK\r\nTransfer-Encoding: chunked", bodies.Framing.CHUNKED),
        (b"GET", b"200 OK\r\nA: b", bodies.Framing.CLOSE),
        (b"HEAD", b"200 OK\r\nContent-Length: 3", bodies.Framing.NONE),
        (b"GET", b"204 No\r\nA: b", bodies.Framing.NONE),
        (b"GET", b"304 Not\r\nContent-Length: 3", bodies.Framing.NONE),
        (b"GET", b"100 Continue\r\nA: b", bodies.Framing.NONE),
    ],
)
def test_framing_of_answers(method, text, framing):
    head = heads.scan_response(b"HTTP/1.1 " + text + b"\r\n\r\n")
    assert head is not None
    assert bodies.response_framing(method, head) is framing
