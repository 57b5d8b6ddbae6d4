"""The login: user name and password for a token, and little for who guesses.

A wrong answer is slow: it comes after `DELAY_SECONDS`, whether or not the client waits for it, and
an address may have few of them under way. Beyond that nothing is looked at any more: 429. So
guesses are bounded for each address and in all, while a right password is answered at once.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import orjson

from fission.router import answers, gateway

if TYPE_CHECKING:
    import asyncio

    from fission.router import failures, proxy, tokens
    from fission_http import head as heads

MAX_BODY_BYTES: Final = 16 * 1024
DELAY_SECONDS: Final = 1.0
MAX_GUESSES: Final = 64
"""Wrong guesses under way at once, so: in a second."""
MAX_GUESSES_OF_ADDRESS: Final = 4

BAD_BODY: Final = gateway.Own(
    400,
    (answers.TEXT,),
    b'the body has to be JSON: {"username": "...", "password": "..."}\n',
)
WRONG: Final = gateway.Own(401, (answers.TEXT,), b"unauthorized: invalid user name or password\n")
TOO_MANY: Final = gateway.Own(
    429, (answers.TEXT, ("Retry-After", "1")), b"too many failed logins; try again later\n"
)


@dataclasses.dataclass(frozen=True)
class Account:
    """Who may log in."""

    username: str
    password: str


class Guesses:
    """Wrong guesses of late. Pure."""

    def __init__(self) -> None:
        self._by_address: collections.Counter[bytes] = collections.Counter()
        self._count = 0

    def is_full(self, address: bytes) -> bool:
        """Whether no more is looked at for now."""
        return self._count >= MAX_GUESSES or self._by_address[address] >= MAX_GUESSES_OF_ADDRESS

    def begin(self, address: bytes) -> None:
        """One more."""
        self._count += 1
        self._by_address[address] += 1

    def end(self, address: bytes) -> None:
        """Its time is over."""
        self._count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Login:
    """The route that gives tokens."""

    def __init__(
        self,
        path: str,
        account: Account,
        maker: tokens.Tokens,
        loop: asyncio.AbstractEventLoop,
        delay_seconds: float = DELAY_SECONDS,
    ) -> None:
        self.path = path
        self._path = path.encode()
        self._account = _digest(account.username), _digest(account.password)
        self._maker = maker
        self._loop = loop
        self._guesses = Guesses()
        self._delay_seconds = delay_seconds

    def takes(self, head: heads.RequestHead) -> bool:
        """Whether a request is a login."""
        return head.method == b"POST" and head.origin_form().partition(b"?")[0] == self._path

    def log_in(self, front: proxy.Front, head: heads.RequestHead, payload: bytes) -> None:
        """Answer, now or later."""
        own = self._answer(payload, front.client)
        if own is WRONG:
            Refusal(front, head, self._loop, self._delay_seconds)
            self._loop.call_later(self._delay_seconds, self._guesses.end, front.client)
        else:
            front.answer(head, own, body_read=True)

    def _answer(self, payload: bytes, address: bytes) -> gateway.Own:
        if self._guesses.is_full(address):
            return TOO_MANY
        try:
            given = orjson.loads(payload)
            username, password = given["username"], given["password"]
        except (ValueError, TypeError, KeyError, IndexError):
            return BAD_BODY
        if not isinstance(username, str) or not isinstance(password, str):
            return BAD_BODY
        name_right = hmac.compare_digest(_digest(username), self._account[0])
        right = hmac.compare_digest(_digest(password), self._account[1])
        if not (name_right & right):
            self._guesses.begin(address)
            return WRONG
        body = {"accesstoken": self._maker.make(), "tokentype": "Bearer"}
        headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
        return gateway.Own(201, headers, orjson.dumps(body))


class Refusal:
    """What a connection is busy with until the client is told that it guessed wrong."""

    __slots__ = ("_front", "_head", "_timer")

    wants_body = False
    upstream_full = False

    def __init__(
        self,
        front: proxy.Front,
        head: heads.RequestHead,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
    ) -> None:
        self._front = front
        self._head = head
        front.exchange = self
        front.expect_nothing()
        self._timer = loop.call_later(seconds, self._tell)

    def _tell(self) -> None:
        self._front.exchange = None
        self._front.answer(self._head, WRONG, body_read=True)

    def client_data(self, data: bytes) -> int:
        """Nothing belongs to it."""
        return 0

    def client_paused(self, *, paused: bool) -> None:
        """Nothing flows."""

    def client_gone(self, error: Exception | None) -> None:
        """Nobody waits; that the guess was made still counts."""
        self._timer.cancel()

    def client_stalled(self, failure: failures.Failure) -> None:
        """What was said before is not read."""
        self._timer.cancel()
        self._front.abort()

    def expired(self) -> None:
        """There is no deadline."""

    def going_away(self) -> None:
        """It is soon over."""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
