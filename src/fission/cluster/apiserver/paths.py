"""A URL path as a question about resources. Pure.

``/api/v1/namespaces/<ns>/<resource>/<name>/<subresource>`` and its shorter forms, the same under
``/apis/<group>/<version>``, and the old ``…/watch/…`` form. Everything else is a plain path.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib import parse

NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))


@dataclass(frozen=True, slots=True)
class RequestInfo:
    path: str
    """Decoded, without a trailing slash."""
    is_resource: bool = False
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    subpath: str = ""
    """After a ``proxy`` subresource: still escaped, with its leading slash."""
    watch_path: bool = False
    malformed: bool = False


def parse_path(raw: str) -> RequestInfo:
    """Take a raw (escaped) path apart."""
    segments = raw.split("/")[1:]
    proxy_at = _proxy_position(segments)
    subpath = ""
    if proxy_at is not None:
        rest = segments[proxy_at + 1 :]
        subpath = "/" + "/".join(rest) if rest else ""
        segments = segments[: proxy_at + 1]
    elif segments and segments[-1] == "":
        segments = segments[:-1]
    decoded = [parse.unquote(segment) for segment in segments]
    path = "/" + "/".join(decoded)
    if "" in segments:
        return RequestInfo(path, malformed=True)
    if decoded[:1] == ["api"] and len(decoded) > 2:
        group, version, rest = "", decoded[1], decoded[2:]
    elif decoded[:1] == ["apis"] and len(decoded) > 3:
        group, version, rest = decoded[1], decoded[2], decoded[3:]
    else:
        return RequestInfo(path)
    watch_path = rest[0] == "watch" and len(rest) > 1
    if watch_path:
        rest = rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    if len(rest) > 3:
        return RequestInfo(path, malformed=True)
    resource, name, subresource = (*rest, "", "")[:3]
    return RequestInfo(
        path, True, group, version, resource, namespace, name, subresource, subpath, watch_path
    )


def _proxy_position(segments: list[str]) -> int | None:
    """Where ``proxy`` stands as a subresource of pods, services or nodes."""
    for position in range(4, min(len(segments), 7)):
        if segments[position] == "proxy" and segments[position - 2] in ("pods", "services"):
            return position
    return None
