"""The public listener behind a login: who shows no token goes no further than the health checks.

`GuardedGateway` stands before the gateway of the routes. A browser asks for leave to call across
origins without showing a token, so routes with such rules answer that much.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from fission.base import errors
from fission.contracts import invocation
from fission.router import answers, gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fission.router import config, tokens
    from fission_http import head as heads

OPEN: Final = frozenset((invocation.HEALTHZ.encode(), invocation.READYZ.encode()))
MIN_KEY_BYTES: Final = 32
"""RFC 7518, section 3.2: as long as what the hash gives."""


class GuardedGateway:
    """A gateway that asks for a token first."""

    verify: gateway.Verify | None = None

    def __init__(self, inner: gateway.Gateway, checker: tokens.Tokens) -> None:
        self._inner = inner
        self.max_body_bytes = inner.max_body_bytes
        self._checker = checker

    def plan(self, head: heads.RequestHead) -> gateway.Plan | gateway.Own:
        """What becomes of a request."""
        fault = self._checker.fault(head.get(b"authorization"))
        if fault is None or head.origin_form().partition(b"?")[0] in OPEN:
            return self._inner.plan(head)
        if head.method == b"OPTIONS" and head.get(b"access-control-request-method") is not None:
            found = self._inner.plan(head)
            if isinstance(found, gateway.Own) and found.status in (204, 403):
                return found
        return gateway.Own(
            401,
            (answers.TEXT, ("WWW-Authenticate", "Bearer"), (invocation.COMPONENT, "router")),
            f"unauthorized: {fault}\n".encode(),
        )


@dataclasses.dataclass(frozen=True)
class Auth:
    """What the login needs."""

    username: str
    password: str
    signing_key: str
    path: str
    lifetime_seconds: float
    issuer: str


def make_auth(settings: config.Config, features: Mapping[str, Any]) -> Auth | None:
    """The login as the settings and the feature configuration want it; None: there is none.

    Raises SettingsError when it is half set.
    """
    wanted = features.get("auth") or {}
    secrets = (settings.jwt_signing_key, settings.auth_password)
    if not wanted.get("enabled", any(secrets)):
        return None
    for variable, value in zip(("JWT_SIGNING_KEY", "AUTH_PASSWORD"), secrets, strict=True):
        if not value:
            raise errors.SettingsError(
                f"{variable} must be set, as authentication is switched on;"
                " it comes from the Secret `router`"
            )
    if len(settings.jwt_signing_key.encode()) < MIN_KEY_BYTES:
        raise errors.SettingsError(
            f"JWT_SIGNING_KEY has {len(settings.jwt_signing_key.encode())} bytes;"
            f" at least {MIN_KEY_BYTES} are needed, as shorter ones can be guessed"
        )
    path = str(wanted.get("authUriPath") or settings.auth_uri_path)
    if not path.startswith("/") or "?" in path or not path.isascii():
        raise errors.SettingsError(f"the login's path {path!r} has to begin with / and be plain")
    lifetime = wanted.get("jwtExpiryTime") or settings.jwt_expiry_seconds
    if not isinstance(lifetime, int | float) or lifetime <= 0:
        raise errors.SettingsError(f"jwtExpiryTime is {lifetime!r}; seconds above 0 are wanted")
    return Auth(
        username=settings.auth_username,
        password=settings.auth_password,
        signing_key=settings.jwt_signing_key,
        path=path,
        lifetime_seconds=float(lifetime),
        issuer=str(wanted.get("jwtIssuer") or settings.jwt_issuer),
    )
