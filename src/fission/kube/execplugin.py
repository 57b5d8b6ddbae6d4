"""Credential plugins of a kubeconfig: programs that print a token.

A plugin is run again when its token ends or is refused, never twice at the same time.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fission.base import clock as clocks
from fission.kube import errors

EXPIRY_MARGIN = datetime.timedelta(seconds=10)
"""A token is renewed this long before its end, so that it is valid on arrival."""

PLUGIN_DEADLINE_SECONDS = 60.0
EXEC_VERSIONS = tuple(f"client.authentication.k8s.io/{v}" for v in ("v1", "v1beta1", "v1alpha1"))


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
