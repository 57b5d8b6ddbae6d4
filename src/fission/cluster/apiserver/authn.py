"""Who is calling: the local administrator, a bearer token, or nobody in particular.

Order: a connection through the unix socket whose peer is this user (the core checked it), the
administrator's token, a ServiceAccount token. A bearer token that nobody issued is 401; no
credentials, an empty bearer or another scheme make the caller ``system:anonymous``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fission.cluster.apiserver import hooks, tokens
from fission.meta import status


class Authenticator:
    """Implements ``hooks.Authenticator``."""

    def __init__(self, admin_token: str, account_tokens: tokens.Tokens) -> None:
        self._admin_token = admin_token.encode()
        self._tokens = account_tokens

    def authenticate(self, headers: Mapping[str, str], peer: hooks.Peer) -> hooks.UserInfo:
        token = bearer_token(headers.get("authorization") or headers.get("Authorization") or "")
        if token:
            return self.user_of_token(token)
        return hooks.ADMIN if peer.local else hooks.ANONYMOUS

    def user_of_token(self, token: str) -> hooks.UserInfo:
        """The holder of a token meant for this API server; raises ``status.Unauthorized``."""
        if self.is_admin_token(token):
            return hooks.ADMIN
        try:
            return self._tokens.verify(token).user
        except tokens.InvalidToken as error:
            raise status.Unauthorized("Unauthorized") from error

    def is_admin_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._admin_token)


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header; empty for other schemes or none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
