"""Requests as variables, standard output as an answer."""

from __future__ import annotations

import pytest

from fission_wasm import cgi

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def test_a_request_becomes_variables() -> None:
    variables = cgi.make_variables(
        "POST",
        "/a%20b/c?x=1&y=%2F",
        [
            ("Host", "example.org:8080"),
            ("Content-Type", "text/plain"),
            ("Content-Length", "3"),
            ("X-Fission-Function-Name", "f"),
            ("Accept", "a/b"),
            ("accept", "c/d"),
            ("Cookie", "k=1"),
            ("cookie", "l=2"),
            ("Proxy", "http://evil.example"),
        ],
        3,
        "127.0.0.9",
    )
    assert variables == {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "fission-wasm",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8080",
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": "/a%20b/c?x=1&y=%2F",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/c",
        "QUERY_STRING": "x=1&y=%2F",
        "CONTENT_LENGTH": "3",
        "CONTENT_TYPE": "text/plain",
        "REMOTE_ADDR": "127.0.0.9",
        "HTTP_HOST": "example.org:8080",
        "HTTP_X_FISSION_FUNCTION_NAME": "f",
        "HTTP_ACCEPT": "a/b, c/d",
        "HTTP_COOKIE": "k=1; l=2",
    }


def test_a_path_that_no_variable_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        cgi.make_variables("GET", "/a%00b", [], 0)


def test_a_path_that_is_no_utf8_is_a_variable_all_the_same() -> None:
    assert cgi.make_variables("GET", "/%ff", [], 0)["PATH_INFO"] == "/\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("output", "status", "headers", "body"),
    [
        (b"hello", 200, TEXT, b"hello"),
        (b"\xff\x00", 200, {"Content-Type": "application/octet-stream"}, b"\xff\x00"),
        (b"", 200, TEXT, b""),
        (b"Content-Type: a/b\n\nx", 200, {"Content-Type": "a/b"}, b"x"),
        (b"Location:/a\r\nStatus:303\r\n\r\nx\n\ny", 303, {"Location": "/a", **TEXT}, b"x\n\ny"),
        (b"Status: 404 Not Found\n\n", 404, {}, b""),
        (b"X: 1\nStatus: 201\n\n{}", 201, {"X": "1", **TEXT}, b"{}"),
        (b"Location: /there\n\n", 302, {"Location": "/there"}, b""),
        (b"Status: 301\nLocation: /there\n\n", 301, {"Location": "/there"}, b""),
    ],
)  # fmt: skip
def test_what_a_program_answers(
    output: bytes, status: int, headers: dict[str, str], body: bytes
) -> None:
    answer = cgi.parse_answer(output)
    assert (answer.status, dict(answer.headers), answer.body) == (status, headers, body)


@pytest.mark.parametrize(
    "output",
    [
        b"X-Only: other names\n\nbody",
        b"Status: 200 but no empty line\n",
        b"Content-Type: a/b\nnot a header\n\nbody",
        b"\nContent-Type: a/b\n\nbody",
        b"Content-Type: a/b\n folded\n\nbody",
        b"Content-Type: a\x01b\n\nbody",
        b"Content-Type: a/b\n" + b"x" * cgi.MAX_HEAD_BYTES + b"\n\nbody",
    ],
)
def test_what_does_not_begin_as_a_cgi_answer_is_a_body(output: bytes) -> None:
    answer = cgi.parse_answer(output)
    assert (answer.status, answer.body) == (200, output)


@pytest.mark.parametrize("status", ["ok", "99", "100", "600", "2000", ""])
def test_a_status_that_cannot_be_is_an_error(status: str) -> None:
    with pytest.raises(cgi.BadAnswer, match="needs a number from 200 to 599"):
        cgi.parse_answer(f"Status: {status}\n\n".encode())
