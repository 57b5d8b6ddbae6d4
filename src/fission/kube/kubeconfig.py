"""Reading kubeconfig files: one or several, merged as kubectl merges them.

Of clusters, users and contexts that several files name alike, the first file's counts, and so does
the first ``current-context``. Files that do not exist are passed over. Relative paths are relative
to the file that says them. What cannot be honoured is refused by name.
"""

from __future__ import annotations

import base64
import binascii
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fission.kube import bearers, errors
from fission.kube import tls as tls_module

_NAMED = (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_REFUSED = {
    "proxy-url": "leave it out, or use a tunnel",
    "tls-server-name": "use the name that the certificate has",
    "auth-provider": "removed from Kubernetes in 1.26; use an exec plugin",
    "as": "use credentials of that person",
}


@dataclass(frozen=True, slots=True)
class Selected:
    """One context of the files; without a namespace it means the usual one."""

    server: str
    namespace: str
    tls: tls_module.Tls | None
    bearer: bearers.Bearer


@dataclass(slots=True)
class Merged:
    """All files as one."""

    paths: tuple[str, ...]
    current: str = ""
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"kubeconfig {':'.join(self.paths)}"


def files_of(text: str, env: Mapping[str, str]) -> list[pathlib.Path]:
    """The files of a list like ``KUBECONFIG`` that exist; raises NoCluster when none does."""
    home = env.get("HOME")
    named = [
        path.replace("~", home, 1) if home and path.startswith("~/") else path
        for path in text.split(":")
        if path
    ]
    found = [pathlib.Path(path) for path in named if pathlib.Path(path).is_file()]
    if not found:
        raise errors.NoCluster(f"kubeconfig {text} does not exist")
    return found


def merge(files: Sequence[pathlib.Path]) -> Merged:
    """Read the files; raises BadCredentials for one that is no kubeconfig."""
    merged = Merged(tuple(str(path) for path in files))
    for path in files:
        document = _read(path)
        merged.current = merged.current or str(document.get("current-context") or "")
        for plural, singular in _NAMED:
            known: dict[str, dict[str, Any]] = getattr(merged, plural)
            listed = document.get(plural) or []
            if not isinstance(listed, list):
                raise errors.BadCredentials(
                    f"kubeconfig {path} cannot be read: {plural} is no list"
                )
            for entry in listed:
                if not isinstance(entry, dict) or not isinstance(entry.get(singular) or {}, dict):
                    raise errors.BadCredentials(
                        f"kubeconfig {path} cannot be read: {plural} holds no mapping"
                    )
                known.setdefault(
                    str(entry.get("name")), _absolute(entry.get(singular) or {}, path.parent)
                )
    return merged


def select(merged: Merged, context: str | None, env: Mapping[str, str]) -> Selected:
    """One context, None for the current one; raises NoCluster where it does not exist."""
    name = context or merged.current
    if not name:
        raise errors.NoCluster(
            f"{merged.where}: no current-context is set; name one with --kube-context: "
            + _listed(merged.contexts)
        )
    found = _named(merged, merged.contexts, "context", name)
    cluster = _named(merged, merged.clusters, "cluster", str(found.get("cluster") or ""))
    user: dict[str, Any] = {}
    if found.get("user"):
        user = _named(merged, merged.users, "user", str(found["user"]))
    for key, why in _REFUSED.items():
        if cluster.get(key) or user.get(key):
            raise errors.BadCredentials(f"{merged.where}: {key} is not supported: {why}")
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise errors.BadCredentials(
            f"{merged.where}: the server of cluster {found.get('cluster')} is {server!r}; "
            "want https://host:port"
        )
    try:
        tls = _tls(cluster, user) if server.startswith("https:") else None
        bearer = _bearer(user, env)
    except (binascii.Error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise errors.BadCredentials(f"{merged.where}: context {name}: {error!r}") from error
    return Selected(server, str(found.get("namespace") or ""), tls, bearer)


def _read(path: pathlib.Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise errors.BadCredentials(f"kubeconfig {path} cannot be read: {error}") from error
    if not isinstance(document, dict | None):
        raise errors.BadCredentials(f"kubeconfig {path} cannot be read: it is no mapping")
    return document or {}


def _absolute(entry: dict[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    paths = {key: str(folder / str(entry[key])) for key in _PATHS if entry.get(key)}
    return {**entry, **paths, "folder": str(folder)}


def _named(
    merged: Merged, entries: Mapping[str, dict[str, Any]], what: str, name: str
) -> dict[str, Any]:
    found = entries.get(name)
    if found is None:
        raise errors.NoCluster(
            f"{merged.where}: {what} {name!r} does not exist; existing are {_listed(entries)}"
        )
    return found


def _listed(entries: Mapping[str, Any]) -> str:
    return ", ".join(sorted(entries)) or "none"


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tls_module.Tls:
    return tls_module.Tls(
        ca_file=cluster.get("certificate-authority"),
        ca_data=_decoded(cluster.get("certificate-authority-data")),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        cert_file=user.get("client-certificate"),
        cert_data=_decoded(user.get("client-certificate-data")),
        key_file=user.get("client-key"),
        key_data=_decoded(user.get("client-key-data")),
    )


def _bearer(user: Mapping[str, Any], env: Mapping[str, str]) -> bearers.Bearer:
    if user.get("tokenFile"):
        return bearers.TokenFile(str(user["tokenFile"]))
    if user.get("token"):
        return bearers.Fixed(f"Bearer {user['token']}")
    if user.get("exec"):
        return _exec_plugin(user["exec"], str(user["folder"]), env)
    if user.get("username") and user.get("password"):
        pair = f"{user['username']}:{user['password']}".encode()
        return bearers.Fixed("Basic " + base64.b64encode(pair).decode())
    return bearers.NO_BEARER


def _exec_plugin(given: Mapping[str, Any], folder: str, env: Mapping[str, str]) -> bearers.Bearer:
    from fission.kube import execplugin

    command = str(given["command"])
    if "/" in command:
        command = str(pathlib.Path(folder) / command)
    spec = execplugin.ExecSpec(
        api_version=str(given["apiVersion"]),
        command=command,
        args=tuple(str(word) for word in given.get("args") or ()),
        env={str(each["name"]): str(each["value"]) for each in given.get("env") or ()},
        install_hint=str(given.get("installHint") or ""),
    )
    return execplugin.ExecPlugin(spec, env)


def _decoded(data: str | None) -> str | None:
    return base64.b64decode("".join(data.split()), validate=True).decode() if data else None
