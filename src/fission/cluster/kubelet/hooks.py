"""Life cycle hooks of containers: what they ask for, and doing it.

`sleep`, `httpGet` and `exec` are run. `exec` of a sleep, which is how pods waited before Kubernetes
knew `sleep`, is a pause: it costs no process.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from fission.cluster.kubelet import errors, probes
from fission_http import client as http_client
from fission_http import errors as http_errors

Obj = dict[str, Any]

SLEEP_COMMANDS = ("sleep", "/bin/sleep", "/usr/bin/sleep")
DEFAULT_GRACE_SECONDS = 30.0
POST_START_SECONDS = 60.0
"""Longest wait for a hook that runs after the start; Kubernetes has no bound of its own."""


@dataclass(frozen=True)
class Hook:
    """One hook: a pause, a request or a program."""

    where: str
    sleep_seconds: float = 0.0
    http_get: Obj | None = None
    command: tuple[str, ...] = ()


def parse(container: Obj, kind: str) -> Hook | None:
    """The container's `postStart` or `preStop`; Refused for what is not run here."""
    raw = (container.get("lifecycle") or {}).get(kind)
    if not raw:
        return None
    where = f"container {container['name']}: lifecycle.{kind}"
    if raw.get("sleep") is not None:
        return Hook(where, float(raw["sleep"].get("seconds") or 0))
    if raw.get("httpGet") is not None:
        return Hook(where, http_get=raw["httpGet"])
    command = (raw.get("exec") or {}).get("command") or []
    if len(command) == 2 and command[0] in SLEEP_COMMANDS:
        try:
            return Hook(where, float(command[1]))
        except ValueError:
            pass
    if command:
        return Hook(where, command=tuple(command))
    found = ", ".join(sorted(raw))
    raise errors.Refused(
        f"{where}.{found} is not supported by this node; supported are sleep, httpGet and exec"
    )


async def run(
    hook: Hook,
    host: str,
    resolve: probes.Resolve,
    http: http_client.Client,
    execute: probes.Execute,
    timeout_seconds: float,
) -> str:
    """Do it, for at most so long; why it failed, empty when it did not."""
    try:
        async with asyncio.timeout(timeout_seconds):
            if hook.command:
                code = await execute(hook.command, timeout_seconds)
                return f"{hook.where}: {hook.command[0]} ended with {code}" if code else ""
            if hook.http_get is None:
                await asyncio.sleep(hook.sleep_seconds)
            else:
                await _request(hook.http_get, host, resolve, http, timeout_seconds)
    except TimeoutError:
        is_pause = hook.http_get is None and not hook.command
        return "" if is_pause else f"{hook.where}: not done in {timeout_seconds:g} s"
    except (OSError, http_errors.HttpError, errors.ContainerError) as error:
        return f"{hook.where}: {error}"
    return ""


async def _request(
    action: Obj,
    host: str,
    resolve: probes.Resolve,
    http: http_client.Client,
    timeout_seconds: float,
) -> None:
    """Any answer will do: the kubelet's rule for hooks."""
    scheme = str(action.get("scheme") or "HTTP").lower()
    url = f"{scheme}://{action.get('host') or host}:{resolve(action['port'])}"
    headers = [(h["name"], h.get("value", "")) for h in action.get("httpHeaders") or ()]
    response = await http.request(
        "GET",
        url + (action.get("path") or "/"),
        headers=headers,
        timeout_seconds=timeout_seconds,
        ssl_context=probes.unverified() if scheme == "https" else None,
    )
    await response.aclose()


def grace_seconds(pod: dict[str, Any]) -> float:
    """How long the pod's containers have to end."""
    return float(pod["spec"].get("terminationGracePeriodSeconds") or DEFAULT_GRACE_SECONDS)
