"""Log databases that old clients ask through the controller, with its user and password.

Only those that a setting names: any other variable that ends in ``_URL`` leads nowhere from here.
"""

from __future__ import annotations

import base64
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fission.base import errors
from fission.meta import status
from fission.web import service
from fission_http import client as http_client
from fission_http import errors as http_errors

MAX_ANSWER_BYTES = 64 << 20


@dataclass(frozen=True)
class Database:
    """Where one is, and as whom it is asked."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


def from_env(types: Sequence[str], env: Mapping[str, str]) -> dict[str, Database]:
    """Read where each type is; raises SettingsError for one without a URL."""
    found = {}
    for name in types:
        prefix = name.upper().replace("-", "_")
        url = env.get(f"{prefix}_URL", "")
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise errors.SettingsError(
                f"CONTROLLER_LOG_DATABASES names {name}, so {prefix}_URL must be its URL; "
                f"found {url!r}"
            )
        user, password = env.get(f"{prefix}_USERNAME", ""), env.get(f"{prefix}_PASSWORD", "")
        found[name] = Database(url, user, password)
    return found


class LogDatabases:
    """Asks them; the query of a request goes along, its path does not."""

    def __init__(
        self, known: Mapping[str, Database], http: http_client.Client, timeout_seconds: float
    ) -> None:
        self._known = known
        self._http = http
        self._timeout_seconds = timeout_seconds

    async def ask(self, request: service.Request, name: str, body: bytes) -> service.Response:
        """Return what the database answers; raises NotFound for one that nobody named."""
        database = self._known.get(name)
        if database is None:
            known = ", ".join(sorted(self._known)) or "none (CONTROLLER_LOG_DATABASES)"
            raise status.NotFound(f"no log database {name!r} is configured; known are: {known}")
        headers = [("Content-Type", request.headers.get("content-type") or "text/plain")]
        if database.username:
            pair = f"{database.username}:{database.password}".encode()
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        url = database.url + (f"?{request.query}" if request.query else "")
        tls = ssl.create_default_context() if url.startswith("https:") else None
        try:
            answer = await self._http.request(
                request.method,
                url,
                headers,
                body,
                timeout_seconds=self._timeout_seconds,
                ssl_context=tls,
            )
            content = await answer.read(MAX_ANSWER_BYTES)
        except http_errors.HttpError as error:
            raise status.ServiceUnavailable(f"log database {name}: {error}") from error
        kind = answer.headers.get("content-type") or "application/json"
        return service.Response(answer.status, [("Content-Type", kind)], content)
