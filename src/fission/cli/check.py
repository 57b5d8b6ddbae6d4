"""``fission check``: whether the platform is there and works."""

from collections.abc import Awaitable, Callable
from typing import Any

import fission
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, errors, options
from fission.meta import gvk

_COMPONENTS = (
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
_WITHOUT_SERVICE = "buildermgr"
_RULE = "--------------------"
_GOOD, _BAD = "\N{SQUARE ROOT}", "\N{MULTIPLICATION SIGN}"


@commands.command("Check that the platform is installed and works.")
@options.boolean("--pre", help="Only what must hold before it is installed")
async def command(session: context.Session, pre: bool | None) -> None:
    """Run the checks; a problem is shown, the exit code stays 0."""
    try:
        session.backend  # noqa: B018 - finds what all checks go through
    except errors.CliError as error:
        session.out.line(f"{_BAD} {error}")
        return
    if pre:
        await _category(session, "kubernetes", [("the Kubernetes API answers", _kubernetes)])
        return
    services = [(f"{name} is running fine", _component(name)) for name in _COMPONENTS]
    await _category(session, "fission-services", services)
    await _category(session, "fission-version", [("fission is up-to-date", _version)])


async def _category(
    session: context.Session,
    title: str,
    checks: list[tuple[str, Callable[[context.Session], Awaitable[str]]]],
) -> None:
    session.out.line(f"{title}\n{_RULE}")
    told: set[str] = set()
    for text, run in checks:
        try:
            problem = await run(session)
        except base_errors.Error as error:
            problem = str(error)
        if problem and problem in told:
            continue
        told.add(problem)
        session.out.line(f"{_BAD} {problem}" if problem else f"{_GOOD} {text}")
    session.out.line()


def _component(name: str) -> Callable[[context.Session], Awaitable[str]]:
    async def run(session: context.Session) -> str:
        namespace = await session.backend.platform_namespace()
        deployment = await session.backend.get(gvk.DEPLOYMENTS, name, namespace)
        state: dict[str, Any] = deployment.get("status") or {}
        wanted = (deployment.get("spec") or {}).get("replicas", 1)
        ready = state.get("readyReplicas", 0)
        if wanted == 0 or ready < wanted:
            return f"{name}: {ready} of {wanted} pods are ready"
        if name != _WITHOUT_SERVICE:
            await session.backend.get(gvk.SERVICES, name, namespace)
        return ""

    return run


async def _version(session: context.Session) -> str:
    info = await session.backend.server_version()
    server = str((info.get("Build") or {}).get("Version", ""))
    if _minor(server) is None:
        return f"the server does not say a version: {server!r}"
    ours, theirs = _minor(fission.__version__), _minor(server)
    if ours is None or theirs is None or ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1:
        return f"client is {fission.__version__} and server is {server}: more than one minor apart"
    return ""


async def _kubernetes(session: context.Session) -> str:
    await session.backend.list(gvk.NAMESPACES, None)
    return ""


def _minor(version: str) -> tuple[int, int] | None:
    parts = version.removeprefix("v").split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return int(parts[0]), int(parts[1])
