"""Edits of heads on their way through. Pure, over bytes.

The head was scanned once; here its lines are walked once, names looked up in a table, and what is
kept is joined again. The lines that frame the body pass unchanged, so the next reader sees the
framing that the scanner accepted. Names with an underscore that read like one of ours after the
usual translation to CGI variables are dropped, so that nobody forges them that way.
"""

from __future__ import annotations

import enum
import urllib.parse
from typing import TYPE_CHECKING, Final

from fission_http import body as bodies
from fission_http import head as heads

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Kind(enum.Enum):
    DROP = enum.auto()
    FORWARDED = enum.auto()
    FORWARDED_FOR = enum.auto()
    CODING = enum.auto()
    LENGTH = enum.auto()
    VARY = enum.auto()
    NOSNIFF = enum.auto()
    ORIGIN = enum.auto()


_HOP_BY_HOP: Final = (
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"upgrade",
    b"http2-settings",
)
_OURS: Final = (
    b"x-fission-function-uid",
    b"x-fission-function-name",
    b"x-fission-function-namespace",
    b"x-fission-function-resourceversion",
    b"x-fission-full-url",
    b"x-fission-request-id",
    b"x-fission-auth-timestamp",
    b"x-fission-auth-signature",
    b"x-fission-auth-namespace",
)
_REQUEST: Final[dict[bytes, _Kind]] = {
    **dict.fromkeys((*_HOP_BY_HOP, *_OURS, b"host", b"expect"), _Kind.DROP),
    b"forwarded": _Kind.FORWARDED,
    b"x-forwarded-host": _Kind.FORWARDED,
    b"x-forwarded-for": _Kind.FORWARDED_FOR,
}
_PARAMS: Final = b"x-fission-params-"
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))

_RESPONSE: Final[dict[bytes, _Kind]] = {
    b"connection": _Kind.DROP,
    b"keep-alive": _Kind.DROP,
    b"proxy-connection": _Kind.DROP,
    b"upgrade": _Kind.DROP,
    b"x-fission-request-id": _Kind.DROP,
    b"x-fission-route-miss": _Kind.DROP,
    b"transfer-encoding": _Kind.CODING,
    b"content-length": _Kind.LENGTH,
    b"x-content-type-options": _Kind.NOSNIFF,
    b"access-control-allow-origin": _Kind.ORIGIN,
}
_CORS: Final = b"access-control-"
_ANY_ORIGIN: Final = b"\r\nAccess-Control-Allow-Origin: *"


def edit_request_block(head: heads.RequestHead, client_address: bytes) -> bytes:
    """The header lines that the function gets of those that the client sent, each led by CRLF.

    Depends on nothing but the lines themselves and the client's address, so that a connection
    may keep the result for as long as the lines stay the same.
    """
    drop = heads.connection_tokens(head) if b"\r\nconnection:" in head.lower else ()
    kept = []
    forwarded = False
    chain: list[bytes] = []
    for line in head.block.split(b"\r\n"):
        if not line:
            continue
        raw = line[: line.index(b":")]
        name = raw.lower()
        if b"_" in name:
            name = name.replace(b"_", b"-")
            if name in _REQUEST or name in _FRAMING:
                continue
        kind = _REQUEST.get(name)
        if kind is None:
            if name.startswith(_PARAMS) or (name in drop and name not in _FRAMING):
                continue
            kept.append(line)
        elif kind is _Kind.FORWARDED:
            forwarded = True
            kept.append(line)
        elif kind is _Kind.FORWARDED_FOR:
            chain.append(line[len(raw) + 1 :].strip(b" \t"))
    if client_address:
        chain.append(client_address)
    if chain:
        kept.append(b"X-Forwarded-For: " + b", ".join(chain))
    if not forwarded and head.host:
        kept.append(b"Forwarded: host=%b;\r\nX-Forwarded-Host: %b" % (head.host, head.host))
    kept.insert(0, b"")
    return b"\r\n".join(kept)


def format_request(
    head: heads.RequestHead,
    path: bytes,
    authority: bytes,
    block: bytes,
    identity: bytes,
    variables: bytes,
    request_id: bytes,
) -> bytes:
    """The head that the function gets."""
    upgrade = b""
    if head.upgrade is not None:
        upgrade = b"\r\nConnection: Upgrade\r\nUpgrade: " + head.upgrade
    return b"%b %b HTTP/1.1\r\nHost: %b%b%b%b%b\r\nX-Fission-Full-Url: %b%b%b\r\n\r\n" % (
        head.method,
        path,
        authority,
        block,
        upgrade,
        identity,
        variables,
        head.origin_form(),
        b"\r\nX-Fission-Request-ID: ",
        request_id,
    )


def format_variables(variables: Sequence[tuple[str, str]]) -> bytes:
    """Header lines for what a template's variables stand for; control characters become blanks."""
    lines = b""
    for name, value in variables:
        clean = "".join(c if c.isprintable() else " " for c in value)
        title = "-".join(part[:1].upper() + part[1:] for part in name.split("-"))
        lines += f"\r\nX-Fission-Params-{title}: {clean}".encode()
    return lines


class ResponsePlan:
    """How an answer is passed on: its head, and what becomes of its body."""

    __slots__ = ("_asked", "block", "decode", "encode")

    def __init__(
        self,
        block: bytes,
        asked: tuple[bodies.Framing, int, bytes | None],
        *,
        decode: bool,
        encode: bool,
    ) -> None:
        self._asked = asked
        self.block = block
        """Status line and header lines, without the lines that differ from answer to answer."""
        self.decode = decode
        """Take the chunked coding off: the client does not know it."""
        self.encode = encode
        """Put chunked coding on: the end of the body would not be told otherwise."""

    def fits(self, framing: bodies.Framing, client_minor: int, cors: bytes | None) -> bool:
        """Whether the same head, asked about like this, gives the same plan."""
        return self._asked == (framing, client_minor, cors)


def plan_response(
    head: heads.ResponseHead, framing: bodies.Framing, client_minor: int, cors: bytes | None
) -> ResponsePlan:
    """The head that the client gets; `cors` replaces what the function says of other origins."""
    kept = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
    decode = framing is bodies.Framing.CHUNKED and client_minor == 0
    encode = framing is bodies.Framing.CLOSE and client_minor == 1
    sniffing = any_origin = False
    drop = heads.connection_tokens(head) if b"\r\nconnection:" in head.lower else ()
    for line in head.block.split(b"\r\n"):
        if not line:
            continue
        name = line[: line.index(b":")].lower()
        kind = _RESPONSE.get(name)
        if kind is _Kind.DROP or (kind is None and name in drop):
            continue
        if kind is _Kind.CODING and decode:
            continue
        if cors is not None and name.startswith(_CORS):
            continue
        if kind is _Kind.NOSNIFF:
            sniffing = True
        elif kind is _Kind.ORIGIN:
            any_origin = line.endswith(b"*")
        kept.append(line)
    if head.status == 101 and head.upgrade is not None:
        kept.append(b"Connection: Upgrade\r\nUpgrade: " + head.upgrade)
    if encode:
        kept.append(b"Transfer-Encoding: chunked")
    if not sniffing:
        kept.append(b"X-Content-Type-Options: nosniff")
    if not any_origin and not (cors and cors.startswith(_ANY_ORIGIN)):
        kept.append(b"Vary: Origin")
    asked = (framing, client_minor, cors)
    return ResponsePlan(b"\r\n".join(kept), asked, decode=decode, encode=encode)


def strip_prefix(target: bytes, path: str, prefix_length: int, *, encoded: bool) -> bytes:
    """What is left of a request target behind the first `prefix_length` characters of its path."""
    raw, mark, query = target.partition(b"?")
    if encoded or raw[:prefix_length] == path[:prefix_length].encode():
        rest = raw[prefix_length:]
    else:
        rest = urllib.parse.quote(path[prefix_length:], safe="/!$&'()*+,;=:@-._~").encode()
    if not rest.startswith(b"/"):
        rest = b"/" + rest
    return rest + mark + query
