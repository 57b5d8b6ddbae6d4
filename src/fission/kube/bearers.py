"""Where the ``Authorization`` header comes from: nothing, a fixed value, a file, a plugin.

A projected token is replaced on disk before it ends, so a file is read again after a minute and
whenever the server says 401. A plugin is run again when its token ends or is refused.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fission.base import clock as clocks
from fission.kube import errors

logger = logging.getLogger(__name__)

REREAD_SECONDS = 60.0
"""How long a token read from a file is used; client-go's period."""

EXPIRY_MARGIN = datetime.timedelta(seconds=10)
"""A plugin's token is renewed this long before its end, so that it is valid on arrival."""

PLUGIN_DEADLINE_SECONDS = 60.0
EXEC_VERSIONS = tuple(f"client.authentication.k8s.io/{v}" for v in ("v1", "v1beta1", "v1alpha1"))


class Bearer(Protocol):
    """A source of the ``Authorization`` header."""

    async def header(self, *, refresh: bool = False) -> str | None:
        """Return the header's value; ``refresh`` says that the last one was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that never changes; None sends no header."""

    value: str | None = field(default=None, repr=False)

    async def header(self, *, refresh: bool = False) -> str | None:
        return self.value


NO_BEARER = Fixed()


class TokenFile:
    """A token in a file that somebody else renews."""

    def __init__(self, path: str, clock: clocks.Clock | None = None) -> None:
        self._path = path
        self._clock = clock or clocks.SystemClock()
        self._value: str | None = None
        self._read_at = 0.0

    async def header(self, *, refresh: bool = False) -> str | None:
        age = self._clock.monotonic() - self._read_at
        if self._value is None or refresh or age > REREAD_SECONDS:
            self._value = self._read()
            self._read_at = self._clock.monotonic()
        return self._value

    def _read(self) -> str:
        try:
            token = pathlib.Path(self._path).read_text().strip()
        except OSError as error:
            if self._value is not None:
                logger.warning("token file was not readable", extra={"path": self._path})
                return self._value
            raise errors.BadCredentials(
                f"token file {self._path} cannot be read: {error.strerror or error}"
            ) from error
        return f"Bearer {token}"


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """A credential plugin as a kubeconfig's ``exec`` names it."""

    api_version: str
    command: str
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    install_hint: str = ""


class ExecPlugin:
    """A token printed by a program (``aws eks get-token``, ``kubelogin``, …)."""

    def __init__(
        self, spec: ExecSpec, env: Mapping[str, str], clock: clocks.Clock | None = None
    ) -> None:
        if spec.api_version not in EXEC_VERSIONS:
            raise errors.BadCredentials(
                f"credential plugin {spec.command}: apiVersion {spec.api_version!r} is unknown; "
                f"allowed are {', '.join(EXEC_VERSIONS)}"
            )
        self._spec = spec
        self._env = env
        self._clock = clock or clocks.SystemClock()
        self._value: str | None = None
        self._expires: datetime.datetime | None = None
        self._lock = asyncio.Lock()

    async def header(self, *, refresh: bool = False) -> str | None:
        refused = self._value if refresh else None
        async with self._lock:
            if self._value is None or self._value == refused or self._has_expired():
                token, self._expires = parse_exec_credential(await self._run(), self._spec.command)
                self._value = f"Bearer {token}"
            return self._value

    def _has_expired(self) -> bool:
        return self._expires is not None and self._clock.now() >= self._expires - EXPIRY_MARGIN

    async def _run(self) -> bytes:
        spec = self._spec
        info = {"apiVersion": spec.api_version, "kind": "ExecCredential"}
        info_text = json.dumps({**info, "spec": {"interactive": False}})
        env = {**os.environ, **self._env, **spec.env, "KUBERNETES_EXEC_INFO": info_text}
        try:
            process = await asyncio.create_subprocess_exec(
                spec.command,
                *spec.args,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f"; {spec.install_hint}" if spec.install_hint else ""
            raise errors.BadCredentials(
                f"credential plugin {spec.command} cannot be started: "
                f"{error.strerror or error}{hint}"
            ) from error
        try:
            async with asyncio.timeout(PLUGIN_DEADLINE_SECONDS):
                stdout, stderr = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise errors.BadCredentials(
                f"credential plugin {spec.command} did not answer within "
                f"{PLUGIN_DEADLINE_SECONDS:.0f} s"
            ) from error
        if process.returncode != 0:
            raise errors.BadCredentials(
                f"credential plugin {spec.command} ended with {process.returncode}: "
                f"{stderr.decode(errors='replace').strip()[:500]}"
            )
        return stdout


def parse_exec_credential(output: bytes, command: str) -> tuple[str, datetime.datetime | None]:
    """Return token and end of its life from a plugin's answer."""
    try:
        document: Any = json.loads(output)
        status = document["status"]
        token = status.get("token")
        expires = status.get("expirationTimestamp")
        moment = clocks.parse_rfc3339(expires) if expires else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.BadCredentials(
            f"credential plugin {command} printed no ExecCredential with a status"
        ) from error
    if not token:
        raise errors.BadCredentials(
            f"credential plugin {command} gave no token (client certificates are not supported)"
        )
    return str(token), moment
