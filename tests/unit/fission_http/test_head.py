"""Heads that are accepted, and every way in which one is refused."""

import pytest

from fission_http import head as heads

PLAIN = (
    b"GET /hello?name=x HTTP/1.1\r\nHost: example.org:8888\r\nAccept: */*\r\n"
    b"X-Blank: \t padded \t\r\n\r\nrest"
)


def test_a_plain_request_is_read_in_one_go():
    head = heads.scan_request(PLAIN)
    assert head is not None
    assert (head.method, head.target, head.version_minor) == (b"GET", b"/hello?name=x", 1)
    assert head.host == b"example.org:8888"
    assert head.headers == [
        (b"Host", b"example.org:8888"),
        (b"Accept", b"*/*"),
        (b"X-Blank", b"padded"),
    ]
    assert PLAIN[head.head_length :] == b"rest"
    assert head.keep_alive
    assert head.content_length is None
    assert not head.chunked


def test_a_head_fed_byte_by_byte_asks_for_more_until_it_is_complete():
    head = heads.scan_request(PLAIN)
    assert head is not None
    for length in range(head.head_length):
        assert heads.scan_request(PLAIN[:length]) is None


def test_a_plain_response_is_read():
    head = heads.scan_response(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello")
    assert head is not None
    assert (head.status, head.reason, head.content_length) == (404, b"Not Found", 5)


def test_a_response_needs_no_reason():
    for line in (b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.1 200 \r\n\r\n"):
        head = heads.scan_response(line)
        assert head is not None
        assert head.status == 200


@pytest.mark.parametrize(
    ("connection", "version", "kept"),
    [
        (b"", b"1", True),
        (b"Connection: close\r\n", b"1", False),
        (b"connection: Foo, CLOSE\r\n", b"1", False),
        (b"", b"0", False),
        (b"Connection: keep-alive\r\n", b"0", True),
    ],
)
def test_keep_alive_follows_version_and_connection(connection, version, kept):
    head = heads.scan_request(
        b"GET / HTTP/1." + version + b"\r\nHost: a\r\n" + connection + b"\r\n"
    )
    assert head is not None
    assert head.keep_alive is kept


def test_an_upgrade_counts_only_when_connection_lists_it():
    start = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n"
    listed = heads.scan_request(start + b"Connection: keep-alive, Upgrade\r\n\r\n")
    unlisted = heads.scan_request(start + b"\r\n")
    assert listed is not None
    assert unlisted is not None
    assert (listed.upgrade, unlisted.upgrade) == (b"websocket", None)


def test_an_absolute_target_gives_host_and_origin_form():
    head = heads.scan_request(b"GET http://b.example:81/p?q=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head is not None
    assert (head.host, head.origin_form()) == (b"b.example:81", b"/p?q=1")


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
REFUSED = {
    "both lengths": (400, POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "two different lengths": (400, POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "a list of lengths": (400, POST + b"Content-Length: 1, 1\r\n\r\n"),
    "a signed length": (400, POST + b"Content-Length: +1\r\n\r\n"),
    "an empty length": (400, POST + b"Content-Length:\r\n\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "bare LF in a header": (400, GET + b"A: b\nC: d\r\n\r\n"),
    "bare CR": (400, GET + b"A: b\rC: d\r\n\r\n"),
    "a folded line": (400, GET + b"A: b\r\n c\r\n\r\n"),
    "a blank before the colon": (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "a bad name": (400, GET + b"B(d: c\r\n\r\n"),
    "an empty name": (400, GET + b": c\r\n\r\n"),
    "no colon": (400, GET + b"hello\r\n\r\n"),
    "NUL in a value": (400, GET + b"A: b\x00\r\n\r\n"),
    "a control character": (400, GET + b"A: b\x08\r\n\r\n"),
    "chunked not last": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n"),
    "chunked twice": (400, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n"),
    "two codings": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "an unknown coding": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "a coding in HTTP/1.0": (400, b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a target without slash": (400, b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a blank in the target": (400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a byte beyond ASCII in the target": (400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a star for GET": (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    "CONNECT": (501, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, GET + b"Host: a\r\n\r\n"),
    "a bad host": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "HTTP/2.0": (505, b"PRI * HTTP/2.0\r\n\r\n"),
    "HTTP/1.2": (505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    "no version": (400, b"GET /\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00 \x01\x00\r\n\r\n"),
    "an unknown expectation": (417, GET + b"Expect: cake\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_is_refused_whole_and_byte_by_byte(status, data):
    with pytest.raises(heads.HeadError) as caught:
        heads.scan_request(data)
    assert caught.value.status == status

    def feed_all() -> None:
        for length in range(len(data) + 1):
            assert heads.scan_request(data[:length]) is None

    with pytest.raises(heads.HeadError) as caught:
        feed_all()
    assert caught.value.status == status


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ],
)
def test_a_bad_response_is_refused(data):
    with pytest.raises(heads.HeadError):
        heads.scan_response(data)


def test_long_heads_are_refused_by_what_is_long():
    cases = [
        (431, b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 200 + b"\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 200),
        (414, b"GET /" + b"x" * 200),
    ]
    for status, data in cases:
        with pytest.raises(heads.HeadError) as caught:
            heads.scan_request(data, max_bytes=100)
        assert caught.value.status == status
    with pytest.raises(heads.HeadError) as caught:
        heads.scan_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n")
    assert caught.value.status == 431


def test_the_explanation_names_the_fault():
    with pytest.raises(heads.HeadError, match="bad header line: blank before the colon"):
        heads.scan_request(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
    with pytest.raises(heads.HeadError, match="bad header line: folded"):
        heads.scan_request(b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n")
