"""Buildermgr → builder: run a build command on a source that the fetcher put there."""

from typing import ClassVar, Final
from urllib import parse

from msgspec import field

from fission.api import schema
from fission.base import errors
from fission.contracts import gojson

PORT: Final = 8001
PORT_NAME: Final = "builder-port"
BUILD: Final = "/"
CLEAN: Final = "/clean"
VERSION: Final = "/version"
HEALTHZ: Final = "/healthz"

SOURCE_VARIABLE: Final = "SRC_PKG"
DEPLOY_VARIABLE: Final = "DEPLOY_PKG"
DEFAULT_COMMAND: Final = "/build"
FORBIDDEN_CHARACTERS: Final = frozenset(";|&`$()<>\r\n")


class CommandError(errors.Error):
    """A build command with characters that only a shell would understand."""

    reason = "BadRequest"


class BuildRequest(schema.Model):
    """What to build, and how."""

    written: ClassVar[tuple[str, ...]] = ("source_filename", "command")

    source_filename: str = field(default="", name="srcPkgFilename")
    command: str = ""


class BuildResponse(schema.Model):
    """What came out, also when the build failed."""

    written: ClassVar[tuple[str, ...]] = ("artifact_filename", "build_logs")

    artifact_filename: str = ""
    build_logs: str = ""


def decode_request(content: bytes) -> BuildRequest:
    """Body of a build."""
    return gojson.decode(content, BuildRequest)


def decode_response(content: bytes) -> BuildResponse:
    """Answer of a build."""
    return gojson.decode(content, BuildResponse)


def encode(message: schema.Model) -> bytes:
    """Body of any of these messages."""
    return gojson.encode(message)


def clean_target(source_filename: str) -> str:
    """Path and query that remove a source and its artifact."""
    return f"{CLEAN}?name={parse.quote(source_filename, safe='')}"


def parse_command(command: str) -> list[str]:
    """The argv of a build command; no shell runs it, so a shell's characters are refused."""
    found = sorted(FORBIDDEN_CHARACTERS & set(command))
    if found:
        raise CommandError(
            f"build command {command!r} contains {' '.join(map(repr, found))}: it is not run by a"
            " shell; put a script into the package and name that"
        )
    return command.split() or [DEFAULT_COMMAND]
