"""Edits of heads: what is added, replaced, dropped; and paths of the internal listener."""

import pytest

from fission.router import headedit, internalpaths, requestids
from fission_http import body as bodies
from fission_http import head as heads


def a_request(*lines: bytes, first: bytes = b"GET /a HTTP/1.1") -> heads.RequestHead:
    head = heads.scan_request(b"\r\n".join((first, b"Host: h:1", *lines, b"", b"")))
    assert head is not None
    return head


def a_response(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> heads.ResponseHead:
    head = heads.scan_response(b"\r\n".join((first, *lines, b"", b"")))
    assert head is not None
    return head


def test_the_clients_lines_pass_and_the_hops_do_not():
    head = a_request(
        b"Accept: */*",
        b"Connection: keep-alive, X-Hop, Content-Length",
        b"X-Hop: 1",
        b"Keep-Alive: 5",
        b"Content-Length: 2",
        b"Content_Length: 3",
        b"Transfer_Encoding: chunked",
        b"Expect: 100-continue",
        b"X-Fission-Timer-Name: tick",
    )
    assert headedit.edit_request_block(head, b"10.0.0.1") == (
        b"\r\nAccept: */*\r\nContent-Length: 2\r\nX-Fission-Timer-Name: tick"
        b"\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: host=h:1;\r\nX-Forwarded-Host: h:1"
    )


def test_the_head_for_the_function_is_one_that_the_scanner_accepts():
    head = a_request(
        b"Upgrade: websocket", b"Connection: upgrade", first=b"GET http://o.example/x?y HTTP/1.1"
    )
    made = headedit.format_request(
        head,
        b"/x?y",
        b"127.0.0.1:8888",
        headedit.edit_request_block(head, b""),
        b"\r\nX-Fission-Function-Name: f",
        headedit.format_variables([("user-id", "a\r\nb\u2028"), ("x", "ä")]),
        b"id",
    )
    again = heads.scan_request(made)
    assert again is not None
    assert again.target == b"/x?y"
    assert again.host == b"127.0.0.1:8888"
    assert again.upgrade == b"websocket"
    assert again.get(b"x-forwarded-host") == b"o.example"
    assert again.get(b"x-fission-params-user-id") == b"a  b"
    assert again.get(b"x-fission-params-x") == "ä".encode()
    assert again.get(b"x-fission-full-url") == b"/x?y"
    assert again.get(b"x-fission-request-id") == b"id"


@pytest.mark.parametrize(
    ("lines", "framing", "minor", "expected"),
    [
        ((b"Content-Length: 2",), bodies.Framing.LENGTH, 1, b"\r\nContent-Length: 2"),
        ((b"Transfer-Encoding: chunked",), bodies.Framing.CHUNKED, 0, b""),
        (
            (b"Transfer-Encoding: chunked",),
            bodies.Framing.CHUNKED,
            1,
            b"\r\nTransfer-Encoding: chunked",
        ),
        ((), bodies.Framing.CLOSE, 1, b"\r\nTransfer-Encoding: chunked"),
        ((), bodies.Framing.CLOSE, 0, b""),
        (
            (b"Connection: x-hop", b"X-Hop: 1", b"Keep-Alive: 1", b"X-Fission-Route-Miss: 1"),
            bodies.Framing.NONE,
            1,
            b"",
        ),
    ],
)
def test_answers_are_framed_as_the_client_can_read(lines, framing, minor, expected):
    plan = headedit.plan_response(a_response(*lines), framing, minor, None)
    assert plan.block == (
        b"HTTP/1.1 200 OK" + expected + b"\r\nX-Content-Type-Options: nosniff\r\nVary: Origin"
    )
    assert plan.fits(framing, minor, None)
    assert not plan.fits(framing, minor, b"")


def test_what_the_function_says_of_other_origins_stands_or_is_replaced():
    head = a_response(b"Access-Control-Allow-Origin: *", b"X-Content-Type-Options: none")
    own = headedit.plan_response(head, bodies.Framing.NONE, 1, None)
    assert own.block.endswith(b"Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: none")
    ours = headedit.plan_response(head, bodies.Framing.NONE, 1, b"")
    assert b"Access-Control" not in ours.block
    assert ours.block.endswith(b"Vary: Origin")


@pytest.mark.parametrize(
    ("target", "path", "length", "expected"),
    [
        (b"/p/a?b=c", "/p/a", 2, b"/a?b=c"),
        (b"/p", "/p", 2, b"/"),
        (b"/p/a%2Fb", "/p/a/b", 2, b"/a%2Fb"),
        (b"/%70/a%20b", "/p/a b", 2, b"/a%20b"),
        (b"/p//evil", "/p//evil", 2, b"//evil"),
    ],
)
def test_a_prefix_is_taken_off(target, path, length, expected):
    assert headedit.strip_prefix(target, path, length, encoded=False) == expected


def test_request_ids_are_kept_when_fit():
    source = requestids.Source()
    assert source.accept(b"mine") == b"mine"
    for unfit in (None, b"", b"x" * 193, b"\xff"):
        assert len(source.accept(unfit)) == 36
    made = {source.make() for _ in range(1000)}
    assert len(made) == 1000


def test_internal_paths_prefer_the_namespace_that_has_the_function():
    known = {("default", "a"): "a", ("default", "default"): "d", ("a", "b"): "b"}

    def lookup(namespace, name):
        return known.get((namespace, name))

    cases = {
        "/fission-function/a": ("a", "/"),
        "/fission-function/a/": ("a", "/"),
        "/fission-function/a/b": ("b", "/"),
        "/fission-function/a/b/c/d": ("b", "/c/d"),
        "/fission-function/a/c/d": ("a", "/c/d"),
        "/fission-function/default/a": ("d", "/a"),
        "/fission-function/a:prod": None,
        "/fission-function/": None,
        "/fission-function": None,
        "/other": None,
    }
    for path, expected in cases.items():
        assert internalpaths.find(path, lookup) == expected, path
