"""The variables of a function: what `env` and `envFrom` say, with Secrets and ConfigMaps read.

A pool's pods start before anybody knows for which function, so the kubelet cannot set these
variables: the fetcher resolves them by the kubelet's rules, and the runtime sets them before it
loads the function. Values are never logged and never part of a message.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from fission.api import function_types
from fission.contracts import environment
from fission.contracts import fetcher as wire
from fission.fetcher import errors, mounts
from fission.meta import envvars, gvk, status

logger = logging.getLogger(__name__)

Found = Mapping[tuple[str, str], "dict[str, Any] | None"]
"""Objects by kind and name; None for those that do not exist."""
MAX_BYTES: Final = 256 * 1024
"""Of all names and values: a program that the function starts takes little more."""


async def read(
    reader: Callable[[], mounts.Reader], request: wire.FunctionFetchRequest, namespace: str
) -> dict[str, str]:
    """Resolve a request's variables; raises NotFound and BadRequest, which name the field."""
    if not request.env and not request.env_from:
        return {}
    wanted = sorted(
        {(each.kind, each.name) for each in envvars.references(request.env, request.env_from)}
    )
    found = await asyncio.gather(*(_get(reader(), *each, namespace) for each in wanted))
    return resolve(request.env, request.env_from, dict(zip(wanted, found, strict=True)))


def resolve(
    env: list[dict[str, Any]], env_from: list[dict[str, Any]], found: Found
) -> dict[str, str]:
    """Variables by name; `env` wins over `envFrom`, later over earlier. Pure."""
    variables: dict[str, str] = {}
    for index, source in enumerate(env_from):
        reference = envvars.of_source(source)
        path = f"spec.envFrom[{index}]"
        if reference is None:
            raise errors.BadRequest(f"{path}: needs configMapRef or secretRef")
        prefix = str(source.get("prefix") or "")
        for key, value in _texts(reference, found, path).items():
            name = prefix + key
            if not envvars.NAME.fullmatch(name) or is_reserved(name):
                logger.warning("variable left out", extra={"field": path, "variable": name})
            else:
                variables[name] = value
    for index, entry in enumerate(env):
        name = str(entry.get("name") or "")
        path = f"spec.env[{index}]"
        if not name or "=" in name or "\0" in name:
            raise errors.BadRequest(f"{path}.name: {name!r} cannot be the name of a variable")
        if is_reserved(name):
            raise errors.BadRequest(f"{path}.name: {name} is reserved; choose another name")
        one = _value(entry, variables, found, path)
        if one is not None:
            variables[name] = one
    _check(variables)
    return variables


def is_reserved(name: str) -> bool:
    """Whether a function may not set it: it would change what the runtime is or reaches."""
    return (
        name.startswith((function_types.RESERVED_ENV_PREFIX, *environment.OWN_VARIABLE_PREFIXES))
        or name in function_types.RESERVED_ENV
        or name in environment.OWN_VARIABLES
    )


def _value(
    entry: Mapping[str, Any], before: Mapping[str, str], found: Found, path: str
) -> str | None:
    if not entry.get("valueFrom"):
        return envvars.expand(str(entry.get("value") or ""), before)
    reference = envvars.of_entry(entry)
    if reference is None:
        raise errors.BadRequest(f"{path}.valueFrom: allowed are secretKeyRef and configMapKeyRef")
    texts = _texts(reference, found, path)
    if reference.key not in texts:
        if reference.is_optional:
            return None
        raise errors.NotFound(
            f"{path}: {reference.kind} {reference.name} has no key {reference.key}"
        )
    return texts[reference.key]


def _texts(reference: envvars.Reference, found: Found, path: str) -> dict[str, str]:
    """The object's values; nothing of an optional one that does not exist."""
    wire_form = found.get((reference.kind, reference.name))
    if wire_form is None:
        if reference.is_optional:
            return {}
        raise errors.NotFound(f"{path}: {reference.kind} {reference.name} does not exist")
    data = wire_form.get("data") or {}
    if reference.key:
        data = {key: value for key, value in data.items() if key == reference.key}
    if reference.kind == gvk.CONFIGMAPS.kind:
        return {key: str(value) for key, value in data.items()}
    texts = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise errors.BadRequest(
                f"{path}: key {key} of Secret {reference.name} is no text, as a variable must be;"
                " name the Secret in spec.secrets to get it as a file"
            ) from None
    return texts


def _check(variables: Mapping[str, str]) -> None:
    size = 0
    for name, value in variables.items():
        if "\0" in value:
            raise errors.BadRequest(f"variable {name}: its value has a NUL character")
        size += len(name) + len(value.encode()) + 2
    if size > MAX_BYTES:
        raise errors.BadRequest(
            f"spec.env and spec.envFrom: {size} bytes of variables; allowed are {MAX_BYTES}."
            " Name large Secrets and ConfigMaps in spec.secrets and spec.configmaps: they become"
            " files"
        )


async def _get(
    reader: mounts.Reader, kind: str, name: str, namespace: str
) -> dict[str, Any] | None:
    resource = gvk.SECRETS if kind == gvk.SECRETS.kind else gvk.CONFIGMAPS
    try:
        return await reader.get(resource, name, namespace)
    except status.NotFound:
        return None
