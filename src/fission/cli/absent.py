"""Flags and commands of Fission that are not here: what is said to who uses them.

A word that does nothing would break a script later and elsewhere, so it is refused where it
stands, with what to use instead.
"""

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True)
class Absent:
    """Why something is not here, and what there is instead."""

    why: str
    remedy: str


_ASYNC: Final = Absent(
    "async invocation is not enabled on this cluster",
    "publish to a topic, and let a trigger call the function: fission mqt create",
)
_VERSIONS: Final = Absent(
    "functions have no versions or aliases here",
    "go back with git, or with a package for each version: fission fn update --pkgname <package>;"
    " move traffic with `fission canary create`",
)
_STATE: Final = Absent(
    "functions keep no state here", "give them a database's address: --env-var or --env-from-secret"
)
_TOOLS: Final = Absent(
    "functions are no MCP tools here", "give the function a route: fission route create"
)
_OCI: Final = Absent(
    "code comes as an archive here, not as an image",
    "use --code, --sourcearchive or --deployarchive, or run the image as a function:"
    " fission fn run-container",
)
_LOKI: Final = Absent(
    "logs are read from the pods, which know nothing of this",
    "search in their lines: fission fn logs --all-pods --recordcount 0 | grep ...",
)
_WORKFLOWS: Final = Absent(
    "there are no workflows here", "let functions call functions, or pass messages by topics"
)

_FLAGS: Final = {
    "--oci": _OCI,
    "--async": _ASYNC,
    "--invocation-mode": _ASYNC,
    "--alias": _VERSIONS,
    "--version": _VERSIONS,
    "--versioning": _VERSIONS,
    "--retain-versions": _VERSIONS,
    "--function-alias": _VERSIONS,
    "--function-version": _VERSIONS,
    "--state": _STATE,
    "--request-id": _LOKI,
    "--trace-id": _LOKI,
    "--level": _LOKI,
    "--expose-as-mcp": _TOOLS,
}
_FAMILIES: Final = {"--async-": _ASYNC, "--state-": _STATE, "--tool-": _TOOLS}
_COMMANDS: Final = {
    "alias": _VERSIONS,
    "workflow": _WORKFLOWS,
    "wf": _WORKFLOWS,
    "tenant": Absent(
        "there are no tenants here",
        "use namespaces: functions reach only the objects of their own",
    ),
    "function publish": _VERSIONS,
    "function versions": _VERSIONS,
    "function rollback": _VERSIONS,
    "function gc-versions": _VERSIONS,
    "function tools": _TOOLS,
    "function state": _STATE,
    "function dlq": Absent(
        _ASYNC.why, "failed messages of a trigger go to its --errortopic: fission topic peek"
    ),
    "environment impact": Absent(
        "functions have no versions here",
        "packages that their environment has not built as it is now: fission pkg list --outdated",
    ),
}


def flag(name: str) -> Absent | None:
    """What is said of a flag, if Fission has it and we do not."""
    families = (each for prefix, each in _FAMILIES.items() if name.startswith(prefix))
    return _FLAGS.get(name) or next(families, None)


def command(path: str) -> Absent | None:
    """The same of a command, by its nouns and verb: ``function publish``."""
    return _COMMANDS.get(path)
