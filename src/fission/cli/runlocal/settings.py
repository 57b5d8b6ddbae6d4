"""Variables, Secrets and ConfigMaps of a function that runs locally.

Files are by the path that the function sees: ``/secrets/<namespace>/<name>/<key>``.
"""

import base64
import pathlib
import re
from collections.abc import Iterable
from typing import Final

from fission.base import errors as base_errors
from fission.cli import context, errors
from fission.contracts import fetcher as wire
from fission.meta import gvk, status

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def parse_variables(texts: Iterable[str]) -> dict[str, str]:
    """From ``--env-var KEY=VALUE``."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise errors.UsageError(f"--env-var {text!r}: want KEY=VALUE")
        found[name] = value
    return found


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """From a file of ``KEY=VALUE`` lines; ``#`` begins a comment, quotes are taken off."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ").strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not _NAME.fullmatch(name):
            raise errors.CliError(f"{source}:{number}: want KEY=VALUE, found {stripped!r}")
        found[name] = _unquote(value)
    return found


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    return value.partition(" #")[0].rstrip()


def read_mounts(
    session: context.Session, texts: Iterable[str], flag: str, top: str, namespace: str
) -> dict[str, bytes]:
    """From ``NAME=PATH``: a folder of keys, or one file that is a key."""
    files = {}
    for text in texts:
        name, equals, given = text.partition("=")
        path = session.path(given)
        if not equals or not name or not given:
            raise errors.UsageError(f"{flag} {text!r}: want NAME=PATH")
        if not path.exists():
            raise errors.CliError(f"{flag} {text}: no such file or directory")
        keys = [path] if path.is_file() else [each for each in path.iterdir() if each.is_file()]
        for key in keys:
            files[f"{top}/{namespace}/{name}/{key.name}"] = pathlib.Path(key).read_bytes()
    return files


async def fetch(
    session: context.Session, secrets: Iterable[str], config_maps: Iterable[str], namespace: str
) -> dict[str, bytes]:
    """From the platform, if one can be reached."""
    files = {}
    for resource, names, top in (
        (gvk.SECRETS, secrets, wire.SECRETS_DIR),
        (gvk.CONFIGMAPS, config_maps, wire.CONFIGS_DIR),
    ):
        word = resource.kind.lower()
        for name in names:
            remedy = f"give its files with --{word}-mount {name}=FOLDER"
            try:
                found = await session.backend.get(resource, name, namespace)
            except status.NotFound as error:
                text = f"{resource.kind} {name} does not exist in namespace {namespace}"
                raise errors.CliError(text, "", remedy) from error
            except (base_errors.Error, OSError) as error:
                text = f"{resource.kind} {name} cannot be read from a platform"
                raise errors.CliError(text, str(error), remedy) from error
            folder = f"{top}/{namespace}/{name}"
            plain = resource is gvk.CONFIGMAPS
            for key, value in (found.get("data") or {}).items():
                content = value.encode() if plain else base64.b64decode(value)
                files[f"{folder}/{key}"] = content
            for key, value in (found.get("binaryData") or {}).items():
                files[f"{folder}/{key}"] = base64.b64decode(value)
    return files
