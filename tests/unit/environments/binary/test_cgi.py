"""Which variables a program gets, and how its header lines are read."""

from __future__ import annotations

import pytest
from fission_binary import cgi


def test_a_request_as_variables() -> None:
    headers = [("Content-Type", "text/x"), ("X-Fission-Function-Name", "f"), ("Host", "h")]
    assert cgi.variables("POST", "/a%20b/?q=%41&r", headers, 7) == {
        b"REQUEST_METHOD": b"POST",
        b"REQUEST_URI": b"/a%20b/?q=%41&r",
        b"PATH_INFO": b"/a b/",
        b"QUERY_STRING": b"q=%41&r",
        b"SERVER_PROTOCOL": b"HTTP/1.1",
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"CONTENT_LENGTH": b"7",
        b"CONTENT_TYPE": b"text/x",
        b"HTTP_CONTENT_TYPE": b"text/x",
        b"HTTP_X_FISSION_FUNCTION_NAME": b"f",
        b"HTTP_HOST": b"h",
    }


def test_a_length_that_is_not_known_is_absent() -> None:
    assert b"CONTENT_LENGTH" not in cgi.variables("POST", "/", [], None)
    assert cgi.variables("GET", "/", [], 0)[b"CONTENT_LENGTH"] == b"0"


def test_repeated_headers_are_joined() -> None:
    headers = [("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2")]
    found = cgi.variables("GET", "/", headers, None)
    assert (found[b"HTTP_X_A"], found[b"HTTP_COOKIE"]) == (b"1, 2", b"a=1; b=2")


@pytest.mark.parametrize("name", ["Proxy", "PROXY", "X_Fission_Function_Name", "A.B", "A+B"])
def test_headers_that_could_pass_for_something_else_are_left_out(name: str) -> None:
    found = cgi.variables("GET", "/", [(name, "evil")], None)
    assert b"evil" not in found.values()


def test_header_bytes_are_kept() -> None:
    found = cgi.variables("GET", "/", [("X-A", b"\xc3\xa9".decode("latin-1"))], None)
    assert found[b"HTTP_X_A"] == "é".encode()


def test_a_nul_in_the_path_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        cgi.variables("GET", "/a%00b", [], None)


def test_programs_inherit_what_is_not_the_runtimes_own() -> None:
    env = {"PATH": "/bin", "LISTEN_FDS": "1", "BINARY_MODE": "server", "PYTHONPATH": "/own:/x"}
    assert cgi.inherited(env, "/own") == {b"PATH": b"/bin"}
    assert cgi.inherited({"PYTHONPATH": "/x"}, "/own") == {b"PYTHONPATH": b"/x"}
    assert cgi.inherited({"A": "\udcff"}, "/own") == {b"A": b"\xff"}


@pytest.mark.parametrize(
    ("body", "is_text"),
    [
        (b"", True),
        ("text é".encode(), True),
        ("é".encode()[:1], True),
        (b"a\xff", True),
        (b"\xffabcdef", False),
        (b"a\0b", False),
    ],
)
def test_what_an_answer_is_called(body: bytes, is_text: bool) -> None:
    found = cgi.content_type(body)
    assert found == ("text/plain; charset=utf-8" if is_text else "application/octet-stream")


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (b"Content-Type: text/x\n\nbody", (200, [("Content-Type", "text/x")], b"body")),
        (b"Status: 404 Not Found\r\nA: b\r\n\r\n\n\n", (404, [("A", "b")], b"\n\n")),
        (b"Location: /x\n\n", (302, [("Location", "/x")], b"")),
        (b"Status: 201\nLocation: /x\n\n", (201, [("Location", "/x")], b"")),
        (b"\nbody", (200, [], b"body")),
        (b"\r\n\nbody", (200, [], b"\nbody")),
        (b"A: b\n", None),
        (b"", None),
    ],
)
def test_header_lines_of_an_answer(output: bytes, answer: object) -> None:
    assert cgi.split_answer(output) == answer


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (b"hello\n\n", "a header line has no name and colon: 'hello'"),
        (b"A b: c\n\n", "a header line has no name and colon"),
        (b"Status: fine\n\n", "Status: found 'fine', needs a number from 200 to 599"),
        (b"Status: 101\n\n", "Status: found '101', needs a number from 200 to 599"),
        (b"x" * 70000, "no blank line ends its headers within 65536 bytes"),
    ],
)
def test_output_that_is_no_answer(output: bytes, message: str) -> None:
    with pytest.raises(cgi.BadAnswer) as caught:
        cgi.split_answer(output)
    assert message in str(caught.value)
