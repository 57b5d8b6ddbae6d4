"""Which pods and containers a function's logs are read from, and reading them."""

import asyncio
from typing import Any, Final

from fission.cli import context, errors, views
from fission.cli.backend import protocol
from fission.contracts import fetcher

Obj = dict[str, Any]

_SEPARATOR: Final = "==="


def newest(pods: list[Obj]) -> Obj:
    """The pod that changed last; one on its way out only when there is no other."""
    return max(pods, key=lambda pod: (not views.is_terminating(pod), _version(pod)))


def containers(pod: Obj) -> list[str]:
    """Containers that run the user's code."""
    return [
        each["name"]
        for each in pod["spec"].get("containers") or ()
        if each["name"] != fetcher.CONTAINER_NAME
    ]


async def pods_of(session: context.Session, function: Obj) -> list[Obj]:
    """Pods of a function; it is an error that there is none."""
    found = await session.backend.function_pods(function)
    if not found:
        raise errors.CliError(
            "no active pods found for function in namespace "
            f"{function['metadata']['namespace']}; a pod starts with the first call:"
            f" fission fn test --name {function['metadata']['name']}"
        )
    return found


async def show(
    session: context.Session,
    function: Obj,
    pods: list[Obj],
    *,
    lines: int | None,
    follow: bool = False,
    detail: bool = False,
) -> None:
    """Print what the containers of these pods printed; following ones are shown as they come."""
    queries = [
        (pod, _query(pod, container, lines, follow))
        for pod in sorted(pods, key=_version)
        for container in containers(pod)
    ]
    if follow and len(queries) > 1:
        async with asyncio.TaskGroup() as group:
            for _, query in queries:
                group.create_task(_follow(session, function, query))
        return
    for pod, query in queries:
        if detail:
            session.out.line(
                f"{_SEPARATOR} Function={function['metadata']['name']} Pod={query.pod} "
                f"Container={query.container} Node={pod['spec'].get('nodeName', '')}"
            )
        async for chunk in session.backend.logs(function, query):
            session.out.content(chunk)


async def _follow(session: context.Session, function: Obj, query: protocol.LogQuery) -> None:
    """Whole lines only, each with the name of its pod."""
    rest = b""
    async for chunk in session.backend.logs(function, query):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            session.out.content(b"[" + query.pod.encode() + b"] " + line + b"\n")


def _query(pod: Obj, container: str, lines: int | None, follow: bool) -> protocol.LogQuery:
    metadata = pod["metadata"]
    return protocol.LogQuery(metadata["namespace"], metadata["name"], container, lines, follow)


def _version(pod: Obj) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
