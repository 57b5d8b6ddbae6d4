"""Buildermgr → builder: run a build command on a source that the fetcher put there.

Our own: a caller that accepts ``application/x-ndjson`` gets the log while the build runs, a JSON
object a line: ``{"log": "text"}`` any number of times (an empty text says that the builder still
lives), and at the end the outcome, a ``BuildOutcome``. Builders that do not know it answer with
one ``BuildResponse`` when the build is over.
"""

from typing import ClassVar, Final
from urllib import parse

import msgspec
from msgspec import field

from fission.api import schema
from fission.base import errors
from fission.contracts import gojson

PORT: Final = 8001
PORT_NAME: Final = "builder-port"
CONTAINER_NAME: Final = "builder"
PROGRAM: Final = "/builder"
BUILD: Final = "/"
CLEAN: Final = "/clean"
VERSION: Final = "/version"
HEALTHZ: Final = "/healthz"
STREAM_TYPE: Final = "application/x-ndjson"
HEARTBEAT_SECONDS: Final = 10.0
"""A builder that streams says something at least this often."""

CACHE_DIR: Final = "/cache"
"""Declared path of the volume with the namespace's download cache."""
SOURCE_VARIABLE: Final = "SRC_PKG"
DEPLOY_VARIABLE: Final = "DEPLOY_PKG"
CACHE_VARIABLE: Final = "BUILD_CACHE"
CACHE_VARIABLES_VARIABLE: Final = "BUILD_CACHE_VARIABLES"
PYTHON_VARIABLE: Final = "FISSION_PYTHON"
TIMEOUT_VARIABLE: Final = "BUILD_TIMEOUT_SECONDS"
MIN_FREE_VARIABLE: Final = "BUILD_MIN_FREE_MIB"
DEFAULT_COMMAND: Final = "/build"
FORBIDDEN_CHARACTERS: Final = frozenset(";|&`$()<>\r\n\0")


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


class BuildOutcome(schema.Model):
    """The last line of a streamed answer."""

    written: ClassVar[tuple[str, ...]] = ("artifact_filename", "build_logs", "error", "code")

    artifact_filename: str = ""
    build_logs: str = ""
    """Beginning and end of the log."""
    error: str = ""
    code: int = 0
    """What the status of an answer in one piece would be."""
    reason: str = ""
    """CamelCase word for the sort of failure; empty for success."""


def decode_request(content: bytes) -> BuildRequest:
    """Body of a build."""
    return gojson.decode(content, BuildRequest)


def decode_response(content: bytes) -> BuildResponse:
    """Answer of a build."""
    return gojson.decode(content, BuildResponse)


def decode_line(line: bytes) -> str | BuildOutcome:
    """A line of a streamed answer: a piece of the log, or the outcome."""
    try:
        wire = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise gojson.MessageError(str(error)) from error
    if isinstance(wire, dict) and "log" in wire:
        return str(wire["log"])
    return gojson.from_wire(wire, BuildOutcome)


def encode_log(text: str) -> bytes:
    """A line with a piece of the log."""
    return msgspec.json.encode({"log": text}) + b"\n"


def encode_outcome(outcome: BuildOutcome) -> bytes:
    """The last line."""
    return gojson.encode(outcome) + b"\n"


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
