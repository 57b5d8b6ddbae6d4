"""Whatever the scanner accepts, h11 and httptools understand in the same way."""

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fission_http import body as bodies
from fission_http import head as heads

NAMES = st.sampled_from(
    [
        *(b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding"),
        *(
            b"Connection",
            b"Upgrade",
            b"A",
            b"X-Y",
            b"Expect",
            b"Te",
            b"Content-Length ",
            b"",
            b"\tA",
        ),
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(b"a", b"5", b"05", b"5, 5", b"chunked", b"Chunked", b"gzip, chunked", b"chunked,"),
            *(b"close", b"keep-alive", b"upgrade", b"websocket", b"100-continue", b"", b"a:80"),
            *(b"a\r\n b", b"a\nb", b"a\rb", b"a\x00", b"a\x0b", b"\xe4", b"a b", b"+5", b"0x5"),
        ]
    ),
    st.binary(max_size=6),
)
BLANKS = st.sampled_from([b"", b" ", b"\t", b"  ", b" \t"])
LINES = st.builds(lambda n, a, v, b: n + b":" + a + v + b, NAMES, BLANKS, VALUES, BLANKS)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
TARGETS = st.one_of(
    st.sampled_from([b"/", b"/a?b=c", b"*", b"http://h/p", b"/a#b", b"a", b"//x", b"/%00"]),
    st.binary(min_size=1, max_size=5).map(lambda raw: b"/" + raw),
)
METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS"])
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"http/1.1"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    start = draw(METHODS) + b" " + draw(TARGETS) + b" " + draw(VERSIONS) + draw(ENDS)
    lines = draw(st.lists(LINES, max_size=4))
    host = b"Host: a\r\n" if draw(st.booleans()) else b""
    block = b"".join(line + draw(ENDS) for line in lines)
    return start + host + block + draw(ENDS)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    status = draw(st.sampled_from([b"200 OK", b"204 ", b"304 x", b"404", b"500 a\x00", b"20 x"]))
    lines = draw(st.lists(LINES, max_size=4))
    block = b"".join(line + draw(ENDS) for line in lines)
    return draw(VERSIONS) + b" " + status + draw(ENDS) + block + draw(ENDS)


class Collector:
    """What httptools reports."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def as_h11(head: heads.Head) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in head.headers]


def h11_view(event: object) -> list[tuple[bytes, bytes]]:
    assert isinstance(event, h11.Request | h11.Response)
    # h11 lower-cases the coding's name
    return [(bytes(name), bytes(value)) for name, value in event.headers]


def lowered_coding(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in pairs]


@settings(max_examples=600, deadline=None)
@given(requests())
@example(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\n")
def test_an_accepted_request_is_the_same_for_others(data: bytes) -> None:
    try:
        head = heads.scan_request(data)
    except heads.HeadError:
        return
    if head is None:
        return
    consumed = data[: head.head_length]
    server = h11.Connection(h11.SERVER)
    server.receive_data(consumed)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (head.method, head.target)
    assert h11_view(event) == lowered_coding(as_h11(head))
    assert server.trailing_data[0] == b""

    seen = Collector()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(consumed)
    except httptools.HttpParserUpgrade:
        assert head.upgrade is not None
    assert seen.complete
    assert seen.url == head.target
    assert seen.headers == head.headers
    if head.upgrade is None and len(head.get_all(b"connection")) < 2:  # httptools reads only one
        assert parser.should_keep_alive() is head.keep_alive


@settings(max_examples=600, deadline=None)
@given(responses())
def test_an_accepted_response_is_the_same_for_others(data: bytes) -> None:
    try:
        head = heads.scan_response(data)
    except heads.HeadError:
        return
    if head is None:
        return
    consumed = data[: head.head_length]
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(consumed)
    event = client.next_event()
    assert isinstance(event, h11.Response)
    assert event.status_code == head.status
    assert h11_view(event) == lowered_coding(as_h11(head))

    seen = Collector()
    parser = httptools.HttpResponseParser(seen)
    try:
        parser.feed_data(consumed)
    except httptools.HttpParserUpgrade:
        assert head.upgrade is not None
    assert seen.headers == head.headers


@settings(max_examples=300, deadline=None)
@given(requests(), st.binary(max_size=20))
def test_the_verdict_does_not_depend_on_the_pieces(data: bytes, rest: bytes) -> None:
    def verdict(pieces: list[bytes]) -> object:
        for piece in pieces:
            try:
                head = heads.scan_request(piece)
            except heads.HeadError:
                return "refused"
            if head is not None:
                return (head.method, head.target, head.headers, head.head_length)
        return None

    whole = data + rest
    assert verdict([whole[:n] for n in range(len(whole) + 1)]) == verdict([whole])


CHUNKS = st.lists(
    st.one_of(
        st.binary(max_size=4).map(bodies.format_chunk),
        st.sampled_from(
            [
                *(b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"5\r\nhello\r\n", b"5;a=b\r\nhello\r\n"),
                *(
                    b"5 \r\nhello\r\n",
                    b"5\nhello\r\n",
                    b"g\r\n",
                    b"\r\n",
                    b"00\r\n\r\n",
                    b"5\r\nhel",
                ),
            ]
        ),
    ),
    max_size=5,
).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(CHUNKS)
@example(b"00\r\n\r\n")
def test_accepted_chunks_are_the_same_for_others(coded: bytes) -> None:
    scanner = bodies.ChunkedScanner()
    payload: list[bytes] = []
    try:
        end = scanner.scan(coded, 0, payload)
    except bodies.BodyError:
        return
    if not scanner.done:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.receive_data(coded)
    found = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            found += bytes(event.data)
        assert event is not h11.NEED_DATA
    assert found == b"".join(payload)
    assert server.trailing_data[0] == coded[end:]


def test_the_collector_sees_what_httptools_refuses() -> None:
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(Collector()).feed_data(b"GET / HTTP/1.1\r\nA : b\r\n\r\n")


@settings(max_examples=600, deadline=None)
@given(requests(), requests(), st.booleans())
def test_a_repeated_head_is_read_as_if_for_the_first_time(
    first: bytes, second: bytes, same_lines: bool
) -> None:
    if same_lines:
        second = second.partition(b"\r\n")[0] + b"\r\n" + first.partition(b"\r\n")[2]
    try:
        known = heads.scan_request(first)
    except heads.HeadError:
        return
    again = known.again(second) if known is not None else None
    if again is None:
        return
    fresh = heads.scan_request(second)
    assert fresh is not None
    for name in (*heads.Head.__slots__, *heads.RequestHead.__slots__):
        assert getattr(again, name) == getattr(fresh, name), name
