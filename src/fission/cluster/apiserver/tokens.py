"""ServiceAccount tokens: JWTs signed with a key of this home, checked against living objects.

A token is good while its signature, time and audience are, *and* the account (and pod) it names
still has the uid it was issued for: deleting either revokes it. Signatures that were once verified
are remembered (bounded), so a caller on every request costs two lookups, not a curve operation.
"""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fission.base import clock, errors, ids
from fission.cluster.apiserver import hooks
from fission.meta import gvk

ISSUER = "https://kubernetes.default.svc"
DEFAULT_AUDIENCE = "https://kubernetes.default.svc"
ALGORITHM = "ES256"
MAX_REMEMBERED = 4096
"""Verified tokens kept in memory: each pod of a node has one, people a few."""
_LEEWAY_SECONDS = 10


class InvalidToken(errors.Error):
    """The bearer token does not identify anybody (any more)."""

    reason = "Unauthorized"


class Lookup(Protocol):
    """The part of the store that decides whether a token's account and pod still exist."""

    def get(self, resource: gvk.Resource, namespace: str, name: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class BoundObject:
    """The object whose end is the token's end."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Issued:
    token: str
    expiration: datetime.datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """Who holds the token, and for which audiences it was written."""

    user: hooks.UserInfo
    audiences: tuple[str, ...]


_BOUND_RESOURCES = {"Pod": gvk.PODS, "Secret": gvk.SECRETS, "Node": gvk.NODES}


class Tokens:
    """Issues and verifies tokens of one signing key."""

    def __init__(
        self,
        signing_key_pem: bytes,
        objects: Lookup,
        system_clock: clock.Clock,
        new_id: Callable[[], str] = ids.new_uid,
    ) -> None:
        key = serialization.load_pem_private_key(signing_key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise errors.InvalidInput("the token signing key is not an elliptic curve key")
        self._key = key
        self._public_key = key.public_key()
        self._objects = objects
        self._clock = system_clock
        self._new_id = new_id
        self._remembered: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def issue(
        self,
        account: Mapping[str, Any],
        seconds: int,
        audiences: Sequence[str] = (),
        bound: BoundObject | None = None,
    ) -> Issued:
        """Sign a token for a ServiceAccount object."""
        metadata = account["metadata"]
        now = self._clock.now().replace(microsecond=0)
        expiration = now + datetime.timedelta(seconds=seconds)
        identity: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if bound:
            identity[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
        claims = {
            "iss": ISSUER,
            "aud": list(audiences) or [DEFAULT_AUDIENCE],
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expiration.timestamp()),
            "jti": self._new_id(),
            "kubernetes.io": identity,
        }
        return Issued(jwt.encode(claims, self._key, algorithm=ALGORITHM), expiration)

    def verify(self, token: str, audiences: Sequence[str] = (DEFAULT_AUDIENCE,)) -> Verified:
        """Return whose token it is; raises ``InvalidToken`` when it is nobody's."""
        claims = self._claims(token)
        now = self._clock.now().timestamp()
        if now > claims["exp"] + _LEEWAY_SECONDS:
            raise InvalidToken("service account token has expired")
        if now < claims["nbf"] - _LEEWAY_SECONDS:
            raise InvalidToken("service account token is not valid yet")
        matching = tuple(a for a in audiences if a in claims["aud"])
        if not matching:
            raise InvalidToken(
                f"token audiences {_quoted(claims['aud'])} is invalid for the target audiences "
                f"{_quoted(audiences)}"
            )
        return Verified(self._living_user(claims), matching)

    def _claims(self, token: str) -> Mapping[str, Any]:
        known = self._remembered.get(token)
        if known is not None:
            self._remembered.move_to_end(token)
            return known
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={
                    "require": ["exp", "nbf", "aud", "sub"],
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            if not isinstance(claims["aud"], list) or not isinstance(claims["exp"], int):
                raise InvalidToken("invalid bearer token")
            claims["kubernetes.io"]["serviceaccount"]["uid"]
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken("invalid bearer token") from error
        self._remembered[token] = claims
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return claims

    def _living_user(self, claims: Mapping[str, Any]) -> hooks.UserInfo:
        identity = claims["kubernetes.io"]
        namespace, account = identity["namespace"], identity["serviceaccount"]
        if not self._lives(gvk.SERVICEACCOUNTS, namespace, account):
            raise InvalidToken("service account token has been invalidated")
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims.get('jti', '')}",)}
        for kind, resource in _BOUND_RESOURCES.items():
            bound = identity.get(kind.lower())
            if not bound:
                continue
            if not self._lives(resource, namespace if resource.namespaced else "", bound):
                raise InvalidToken("service account token has been invalidated")
            if kind == "Pod":
                extra["authentication.kubernetes.io/pod-name"] = (bound["name"],)
                extra["authentication.kubernetes.io/pod-uid"] = (bound["uid"],)
        return service_account_user(namespace, account["name"], account["uid"], extra)

    def _lives(self, resource: gvk.Resource, namespace: str, ref: Mapping[str, str]) -> bool:
        obj = self._objects.get(resource, namespace, ref["name"])
        return obj is not None and obj["metadata"].get("uid") == ref["uid"]


def service_account_user(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> hooks.UserInfo:
    """The user that a ServiceAccount is."""
    return hooks.UserInfo(
        name=f"system:serviceaccount:{namespace}:{name}",
        uid=uid,
        groups=(
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
            "system:authenticated",
        ),
        extra=extra or {},
    )


def _quoted(audiences: Sequence[str]) -> str:
    return "[" + " ".join(f'"{audience}"' for audience in audiences) + "]"
