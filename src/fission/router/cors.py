"""Cross-origin rules of a route: what a preflight is answered, what an answer may say. Pure."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from fission.api import durations
from fission.base import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fission.api import httptrigger_types

NOT_PERMITTED: Final = "cross-origin requests not permitted"
SAFE_HEADERS: Final = frozenset(("accept", "accept-language", "content-language"))
"""Request headers that browsers let any page send."""
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/:?#@*\[\]]+)(:[0-9]{1,5})?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class CorsError(errors.Error):
    """A corsConfig that cannot be used; the message says why."""

    reason = "InvalidCorsConfig"


@dataclasses.dataclass(frozen=True)
class Policy:
    """A corsConfig, checked."""

    origins: frozenset[str]
    any_origin: bool
    methods: tuple[str, ...]
    headers: frozenset[str]
    any_header: bool
    expose: tuple[str, ...]
    credentials: bool
    max_age_seconds: int | None

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin may call the route."""
        return self.any_origin or origin.lower() in self.origins

    def preflight(self, origin: str, method: str, headers: str) -> list[tuple[str, str]] | None:
        """Headers of the 204 that permits a request; None when it is not permitted."""
        wanted = [name.strip().lower() for name in headers.split(",") if name.strip()]
        if not self.allows(origin) or method not in self.methods:
            return None
        if not self.any_header and not self.headers.issuperset(wanted):
            return None
        if not all(_TOKEN.fullmatch(name) for name in wanted):
            return None
        answer = [*self._origin(origin), ("Access-Control-Allow-Methods", ", ".join(self.methods))]
        if wanted:
            answer.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
        if self.max_age_seconds is not None:
            answer.append(("Access-Control-Max-Age", str(self.max_age_seconds)))
        return answer

    def answer(self, origin: str) -> list[tuple[str, str]]:
        """Headers that let a page of this origin read an answer."""
        if not self.allows(origin):
            return []
        headers = self._origin(origin)
        if self.expose:
            headers.append(("Access-Control-Expose-Headers", ", ".join(self.expose)))
        return headers

    def _origin(self, origin: str) -> list[tuple[str, str]]:
        headers = [("Access-Control-Allow-Origin", "*" if self.any_origin else origin)]
        if self.credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        return headers


def make_policy(config: httptrigger_types.CorsConfig, methods: Iterable[str]) -> Policy:
    """A policy; methods not listed are the route's. Raises CorsError."""
    if config.allow_credentials and "*" in config.allow_origins:
        raise CorsError("allowOrigins may not contain * when allowCredentials is true")
    for origin in config.allow_origins:
        if origin not in ("*", "null") and not _ORIGIN.fullmatch(origin.lower()):
            raise CorsError(
                f"allowOrigins: {origin!r} is no origin: want *, null or scheme://host[:port],"
                " without a path"
            )
    for field, names in (
        ("allowMethods", config.allow_methods),
        ("allowHeaders", config.allow_headers),
        ("exposeHeaders", config.expose_headers),
    ):
        wrong = next((name for name in names if not _TOKEN.fullmatch(name)), None)
        if wrong is not None:
            raise CorsError(f"{field}: {wrong!r} is no name of a method or header")
    try:
        age = int(durations.parse_seconds(config.max_age)) if config.max_age else None
    except durations.DurationError as error:
        raise CorsError(f"maxAge: {error}") from error
    return Policy(
        origins=frozenset(origin.lower() for origin in config.allow_origins),
        any_origin="*" in config.allow_origins,
        methods=tuple(sorted(config.allow_methods or methods)),
        headers=SAFE_HEADERS.union(name.lower() for name in config.allow_headers),
        any_header="*" in config.allow_headers,
        expose=tuple(config.expose_headers),
        credentials=config.allow_credentials,
        max_age_seconds=age,
    )
