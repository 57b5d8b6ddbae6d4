"""``fission version``: versions of client and server."""

from typing import Any

import fission
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, options, suggest, tree

EMPTY = '""'
_OWN = frozenset(word for each in tree.ROOT for word in (each.name, *each.aliases))


@commands.command("Show versions of client and server\n\n  fission version -o json")
@options.boolean("--client-only", "--client", help="Show the client's version alone")
@options.string("--output", "-o", help="Output format: json or yaml", default="yaml")
def command(session: context.Session, client_only: bool | None, output: str | None) -> Any:
    """Show versions."""
    if output:
        suggest.check_choice("output format", output, ("json", "yaml"))
    from fission.cli import plugins

    core = {"BuildDate": "", "GitCommit": "", "Version": fission.__version__}
    others = {each.name: {"Version": each.version} for each in plugins.described(session.env, _OWN)}
    client = {"client": {"fission/core": core, **others}}
    if client_only:
        _show(session, client, output)
        return None
    return _with_server(session, client, output)


async def _with_server(
    session: context.Session, document: dict[str, Any], output: str | None
) -> None:
    server: dict[str, Any] = {}
    try:
        info = await session.backend.server_version()
        server = {"fission/core": info.get("Build") or info}
    except base_errors.Error as error:
        session.out.warning(f"the server's version could not be read: {error}")
    _show(session, {**document, "server": server}, output)


def _show(session: context.Session, document: dict[str, Any], output: str | None) -> None:
    if output == "json":
        session.out.document(document, "json")
        return
    for side, parts in document.items():
        session.out.line(f"{side}:" if parts else f"{side}: {{}}")
        for part, values in parts.items():
            session.out.line(f"  {part}:")
            for key, value in values.items():
                session.out.line(f"    {key}: {value or EMPTY}")
