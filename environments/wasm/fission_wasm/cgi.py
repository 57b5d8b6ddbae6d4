"""The Common Gateway Interface (RFC 3875): requests as variables, standard output as an answer.

Standard output is a *CGI answer* when it starts with lines of the form ``Name: value``, then an
empty line, and one of the names is ``Status``, ``Content-Type`` or ``Location`` (the RFC demands
one of them). Anything else is the body as it stands, with status 200. So a program that prints
``hello`` answers ``hello``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from urllib import parse

MAX_HEAD_BYTES = 64 * 1024
"""How far an empty line is looked for; what servers commonly take as a response head."""

_FIELDS = frozenset(("status", "content-type", "location"))
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"([2-5]\d\d)(?: .*)?")
_NOT_PASSED_ON = frozenset(("content-length", "content-type", "proxy"))
"""Have variables of their own; ``HTTP_PROXY`` would be taken for a setting by HTTP libraries."""


class BadAnswer(Exception):
    """Standard output begins as a CGI answer and cannot be one."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a program answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def make_variables(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body_length: int,
    remote_address: str = "",
) -> dict[str, str]:
    """Describe a request; raises ValueError for one that variables cannot hold."""
    path, _, query = target.partition("?")
    # What is no UTF-8 once decoded cannot be a variable; REQUEST_URI has it as it came.
    decoded = parse.unquote(path, errors="replace")
    if "\0" in decoded:
        raise ValueError("the path contains a NUL character")
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "fission-wasm",
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "SCRIPT_NAME": "",
        "PATH_INFO": decoded,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(body_length),
        "REMOTE_ADDR": remote_address,
    }
    for name, value in headers:
        lowered = name.lower()
        if lowered == "content-type":
            variables["CONTENT_TYPE"] = value
        elif lowered == "host":
            variables["SERVER_NAME"], _, port = value.partition(":")
            variables["SERVER_PORT"] = port or "80"
        if lowered not in _NOT_PASSED_ON:
            key = "HTTP_" + name.upper().replace("-", "_")
            joint = "; " if lowered == "cookie" else ", "
            variables[key] = variables[key] + joint + value if key in variables else value
    return variables


def parse_answer(output: bytes) -> Answer:
    """Read standard output; raises BadAnswer for a CGI answer with an impossible status."""
    end = _END.search(output, 0, MAX_HEAD_BYTES)
    headers = _parse_head(output[: end.start()]) if end else None
    if headers is None or end is None:
        return Answer(200, [("Content-Type", _type_of(output))], output)
    status, kept = 200, []
    for name, value in headers:
        if name.lower() == "status":
            status = _parse_status(value)
        else:
            kept.append((name, value))
    names = {name.lower() for name, _ in kept}
    if "location" in names and all(name.lower() != "status" for name, _ in headers):
        status = 302
    body = output[end.end() :]
    if "content-type" not in names and body:
        kept.append(("Content-Type", _type_of(body)))
    return Answer(status, kept, body)


def _parse_head(block: bytes) -> list[tuple[str, str]] | None:
    """The header lines, or None when this is not the head of a CGI answer."""
    headers = []
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        headers.append((match[1].decode("ascii"), match[2].decode("latin-1").strip()))
    return headers if _FIELDS.intersection(name.lower() for name, _ in headers) else None


def _parse_status(value: str) -> int:
    match = _STATUS.fullmatch(value)
    if match is None:
        raise BadAnswer(f"Status: found {value[:80]!r}, needs a number from 200 to 599")
    return int(match[1])


def _type_of(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8"
