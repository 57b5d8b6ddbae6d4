"""Signatures of calls between components: keys derived from one master secret, HMAC over a request.

What is signed is four lines without a final line feed: method, request URI (escaped path, and
``?query`` when there is one, as the *receiver* sees it), SHA-256 of the body, and the timestamp
floored to a minute. A timestamp more than a minute away is refused; during rotation the old key
is tried second. Pure: the time comes in as an argument.
"""

import dataclasses
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from fission.base import errors

TIMESTAMP_HEADER: Final = "X-Fission-Auth-Timestamp"
SIGNATURE_HEADER: Final = "X-Fission-Auth-Signature"
NAMESPACE_HEADER: Final = "X-Fission-Auth-Namespace"

STORAGESVC: Final = "storagesvc"
FETCHER: Final = "fetcher"
BUILDER: Final = "builder"
EXECUTOR: Final = "executor"
ROUTER_INTERNAL: Final = "router-internal"
STATESTORE: Final = "statestore"
WORKFLOW: Final = "workflow"
STATEAPI: Final = "stateapi"

MAX_SKEW_SECONDS: Final = 60
MAX_BODY_BYTES: Final = 256 * 1024 * 1024
BYPASS_PATHS: Final = frozenset({"/healthz", "/readyz", "/readiness-healthz"})
"""Paths that need no signature, except on the router's internal listener, where all do."""

SECRET_NAME: Final = "fission-internal-auth"
SECRET_KEY: Final = "secret"
OLD_SECRET_KEY: Final = "oldSecret"
MASTER_VARIABLE: Final = "FISSION_INTERNAL_AUTH_SECRET"
FETCHER_KEY_VARIABLE: Final = "FISSION_FETCHER_KEY"
BUILDER_KEY_VARIABLE: Final = "FISSION_BUILDER_KEY"
STORAGE_KEY_VARIABLE: Final = "FISSION_STORAGE_KEY"
OLD_SUFFIX: Final = "_OLD"

_INFO: Final = "fission-internal-v1"
EMPTY_BODY_HASH: Final = hashlib.sha256(b"").hexdigest()


class SigningError(errors.Error):
    """A secret or key in the settings cannot be used; the process must not start without it."""

    reason = "InvalidInternalAuth"


class SignatureError(errors.Error):
    """A call is unsigned, too old or signed with another key; answered 401 with no body."""

    reason = "Unauthorized"


@dataclasses.dataclass(frozen=True)
class Keys:
    """The key to sign with, and those that signatures are accepted from; none means auth is off."""

    current: bytes | None = None
    old: bytes | None = None

    @property
    def enabled(self) -> bool:
        return self.current is not None

    def accepted(self) -> tuple[bytes, ...]:
        return tuple(key for key in (self.current, self.old) if key is not None)


@dataclasses.dataclass(frozen=True)
class Masters:
    """The master secret and, during rotation, the one before; none means auth is off."""

    current: bytes | None = None
    old: bytes | None = None

    @property
    def enabled(self) -> bool:
        return self.current is not None

    def keys(self, service: str, namespace: str = "") -> Keys:
        """The keys of a service, or of its share for one namespace."""
        return Keys(
            current=derive_key(self.current, service, namespace) if self.current else None,
            old=derive_key(self.old, service, namespace) if self.old else None,
        )


def masters_from_env(env: Mapping[str, str]) -> Masters:
    """The master secrets in the settings; one that is set but blank is refused."""
    return Masters(
        current=_secret(env, MASTER_VARIABLE), old=_secret(env, MASTER_VARIABLE + OLD_SUFFIX)
    )


def keys_from_env(env: Mapping[str, str], variable: str, service: str) -> Keys:
    """Keys of a workload pod: derived ones in hexadecimal, else from the master secret."""
    if variable in env:
        return Keys(_hex_key(env, variable), _hex_key(env, variable + OLD_SUFFIX))
    return masters_from_env(env).keys(service)


def derive_key(master: bytes, service: str, namespace: str = "") -> bytes:
    """32 bytes of HKDF-SHA256 without salt; one block, so expansion is a single HMAC."""
    info = f"{_INFO}:{service}:{namespace}" if namespace else f"{_INFO}:{service}"
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), master, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


def state_token(master: bytes, namespace: str, keyspace: str) -> str:
    """Bearer token of one keyspace of function state."""
    return derive_key(master, STATEAPI, f"{namespace}:{keyspace}").hex()


def body_hash(chunks: bytes | Iterable[bytes]) -> str:
    """SHA-256 of a body in hexadecimal, whole or in pieces."""
    digest = hashlib.sha256()
    for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
        digest.update(chunk)
    return digest.hexdigest()


def canonical(method: str, request_uri: str, body_sha256: str, timestamp: int) -> bytes:
    """The bytes that are signed."""
    minute = timestamp - timestamp % 60
    return f"{method.upper()}\n{request_uri}\n{body_sha256}\n{minute}".encode()


def signature(key: bytes, method: str, request_uri: str, body_sha256: str, timestamp: int) -> str:
    """The signature in lower-case hexadecimal."""
    return hmac.digest(key, canonical(method, request_uri, body_sha256, timestamp), "sha256").hex()


def headers(
    key: bytes,
    method: str,
    request_uri: str,
    body: bytes | str,
    now: float,
    namespace: str = "",
) -> list[tuple[str, str]]:
    """Headers that sign a request. ``body`` is the body itself, or its hash as text."""
    timestamp = int(now)
    digest = body if isinstance(body, str) else body_hash(body)
    result = [
        (TIMESTAMP_HEADER, str(timestamp)),
        (SIGNATURE_HEADER, signature(key, method, request_uri, digest, timestamp)),
    ]
    if namespace:
        result.append((NAMESPACE_HEADER, namespace))
    return result


def verify(
    keys: Keys,
    method: str,
    request_uri: str,
    body_sha256: str,
    timestamp_header: str | None,
    signature_header: str | None,
    now: float,
) -> None:
    """Raise SignatureError unless a key of ``keys`` signed this request within the last minute.

    With auth off (no keys) every call passes.
    """
    if not keys.enabled:
        return
    if not timestamp_header or not signature_header:
        raise SignatureError("the request is not signed")
    if not (timestamp_header.isascii() and timestamp_header.isdigit()):
        raise SignatureError("the timestamp is not a number of seconds")
    timestamp = int(timestamp_header)
    if abs(now - timestamp) > MAX_SKEW_SECONDS:
        raise SignatureError("the timestamp is more than a minute away")
    given = signature_header.encode("utf-8", "replace")
    for key in keys.accepted():
        expected = signature(key, method, request_uri, body_sha256, timestamp)
        if hmac.compare_digest(expected.encode(), given):
            return
    raise SignatureError("the signature does not match")


def _secret(env: Mapping[str, str], variable: str) -> bytes | None:
    value = env.get(variable)
    if value is None:
        return None
    if not value.strip():
        raise SigningError(f"{variable} is set but blank: remove it, or give the secret")
    return value.encode()


def _hex_key(env: Mapping[str, str], variable: str) -> bytes | None:
    value = env.get(variable)
    if value is None:
        return None
    try:
        key = bytes.fromhex(value)
    except ValueError:
        key = b""
    if len(key) != hashlib.sha256().digest_size:
        raise SigningError(f"{variable} must be 64 hexadecimal digits")
    return key
