"""Bearer tokens of the public listener: made at the login, checked on each request.

JSON Web Tokens signed with HS256. A token that was found good is remembered until it expires, so
that the signature is computed once and not for each request. Pure but for the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import jwt

if TYPE_CHECKING:
    from fission.base import clock as clocks

ALGORITHM: Final = "HS256"
REMEMBERED: Final = 4096
"""Good tokens kept in mind; beyond that all are forgotten and checked again."""

SCHEME: Final = b"bearer "
MAX_TOKEN_BYTES: Final = 8 * 1024
MALFORMED: Final = "malformed token"
NOT_NOW: Final = "token is either expired or not active yet"
INVALID: Final = "token is not valid"


class Tokens:
    """Makes and checks tokens."""

    def __init__(self, key: str, issuer: str, lifetime_seconds: float, clock: clocks.Clock) -> None:
        self._key = key
        self._issuer = issuer
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._good: dict[bytes, float] = {}

    def make(self) -> str:
        """A token that is good from now on."""
        now = int(self._clock.now().timestamp())
        claims = {"iss": self._issuer, "nbf": now, "exp": now + int(self._lifetime_seconds)}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def fault(self, authorization: bytes | None) -> str | None:
        """What is wrong with a request's Authorization; None when it is in order."""
        if authorization is None:
            return MALFORMED
        until = self._good.get(authorization)
        if until is not None:
            if self._clock.monotonic() < until:
                return None
            del self._good[authorization]
            return NOT_NOW
        if authorization[:7].lower() != SCHEME or len(authorization) > MAX_TOKEN_BYTES:
            return MALFORMED
        return self._check(authorization, authorization[7:].strip())

    def _check(self, authorization: bytes, token: bytes) -> str | None:
        now = self._clock.now().timestamp()
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                options={
                    "require": ["exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
            expires, begins = float(claims["exp"]), float(claims.get("nbf") or 0)
        except (jwt.InvalidSignatureError, jwt.InvalidIssuerError, jwt.MissingRequiredClaimError):
            return INVALID
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):
            return MALFORMED
        if not begins <= now < expires:
            return NOT_NOW
        if len(self._good) >= REMEMBERED:
            self._good.clear()
        self._good[authorization] = self._clock.monotonic() + expires - now
        return None
