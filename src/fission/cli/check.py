"""``fission check``: whether the platform is there and works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import fission
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, failures, lookups, options
from fission.meta import gvk

_COMPONENTS: Final = (
    "buildermgr",
    "canary",
    "executor",
    "kubewatcher",
    "mqtrigger",
    "router",
    "statestore",
    "storagesvc",
    "timer",
)
_WITHOUT_SERVICE: Final = "buildermgr"
_LEAST_KUBERNETES: Final = (1, 32)
_RULE: Final = "--------------------"
_GOOD, _BAD = "\N{SQUARE ROOT}", "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Finding:
    """What one check found: ``told`` is what is good, or what is not, and what to do then."""

    is_good: bool
    told: str
    remedy: str = ""


Checks = Callable[[context.Session], AsyncIterator[Finding]]


@commands.command("Check that the platform is installed and works.\n\n  fission check --exit-code")
@options.boolean("--pre", help="Only what must hold before it is installed")
@options.boolean("--exit-code", help="Exit with 1 when a check fails; it is 0 otherwise")
async def command(session: context.Session, pre: bool | None, exit_code: bool | None) -> int | None:
    """Run the checks; a problem is shown, the exit code stays 0 unless it was asked for."""
    try:
        session.backend  # noqa: B018 - finds what all checks go through
    except base_errors.Error as error:
        is_good = _show(session, _told(session, error))
    else:
        categories = _BEFORE if pre else _AFTER
        seen = [await _category(session, title, run) for title, run in categories.items()]
        is_good = all(seen)
    return 1 if exit_code and not is_good else None


async def _category(session: context.Session, title: str, run: Checks) -> bool:
    session.out.line(f"{title}\n{_RULE}")
    is_good = True
    try:
        async for found in run(session):
            is_good = _show(session, found) and is_good
    except base_errors.Error as error:
        is_good = _show(session, _told(session, error))
    session.out.line()
    return is_good


def _show(session: context.Session, found: Finding) -> bool:
    session.out.line(f"{_GOOD if found.is_good else _BAD} {found.told}")
    if found.remedy:
        session.out.line(f"  {found.remedy}")
    return found.is_good


def _told(session: context.Session, error: base_errors.Error) -> Finding:
    told = failures.tell(session, error)
    return Finding(False, told.what, "\n  ".join(filter(None, (told.why, told.remedy))))


async def _services(session: context.Session) -> AsyncIterator[Finding]:
    namespace = await session.backend.platform_namespace()
    deployments = _by_name(await session.backend.list(gvk.DEPLOYMENTS, namespace))
    if not deployments.keys() & set(_COMPONENTS):
        yield Finding(
            False,
            f"no Fission is installed in namespace {namespace}",
            "name the namespace it is in with FISSION_NAMESPACE, or install it",
        )
        return
    services = _by_name(await session.backend.list(gvk.SERVICES, namespace))
    for name in _COMPONENTS:
        yield _component(name, namespace, deployments.get(name), name in services)


def _component(
    name: str, namespace: str, deployment: dict[str, Any] | None, has_service: bool
) -> Finding:
    if deployment is None:
        return Finding(False, f"{name}: there is no deployment of it in namespace {namespace}")
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    if wanted == 0 or ready < wanted:
        return Finding(
            False,
            f"{name}: {ready} of {wanted} pods are ready",
            "`fission support dump` collects why: states, events and logs of its pods",
        )
    if name != _WITHOUT_SERVICE and not has_service:
        return Finding(False, f"{name}: there is no service of it in namespace {namespace}")
    return Finding(True, f"{name} is running fine")


async def _version(session: context.Session) -> AsyncIterator[Finding]:
    info = await session.backend.server_version()
    server = str((info.get("Build") or {}).get("Version", ""))
    theirs = _minor(server)
    if theirs is None:
        yield Finding(False, f"the server does not say a version: {server!r}")
        return
    ours = _minor(fission.__version__)
    if ours is None or ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1:
        yield Finding(
            False,
            f"client is {fission.__version__} and server is {server}: more than one minor apart",
            "install the client of the server's version, or upgrade the platform",
        )
        return
    yield Finding(True, f"fission is up-to-date (client {fission.__version__}, server {server})")


async def _kubernetes(session: context.Session) -> AsyncIterator[Finding]:
    said = str((await session.backend.kubernetes_version()).get("gitVersion", ""))
    found = _minor(said)
    least = ".".join(map(str, _LEAST_KUBERNETES))
    if found is None or found < _LEAST_KUBERNETES:
        yield Finding(
            False, f"Kubernetes is {said or 'of an unknown version'}; {least} or later is needed"
        )
        return
    yield Finding(True, f"Kubernetes is {said}, which is {least} or later")


_BEFORE: Final[dict[str, Checks]] = {"kubernetes-version": _kubernetes}
_AFTER: Final[dict[str, Checks]] = {"fission-services": _services, "fission-version": _version}


def _by_name(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {lookups.name_of(each): each for each in found}


def _minor(version: str) -> tuple[int, int] | None:
    parts = version.removeprefix("v").split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return int(parts[0]), int(parts[1])
