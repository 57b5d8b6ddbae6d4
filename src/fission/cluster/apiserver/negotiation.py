"""What the caller wants to read, and what was sent: Accept and Content-Type. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fission.meta import status

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"

Shape = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
SHAPES = frozenset(("Table", "PartialObjectMetadata", "PartialObjectMetadataList"))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The chosen representation."""

    media: str = JSON
    shape: Shape = ""
    version: str = ""
    """Of the shape's group meta.k8s.io: v1 or v1beta1."""
    pretty: bool = False


@dataclass(frozen=True, slots=True)
class MediaRange:
    media: str
    parameters: dict[str, str]


def parse_accept(header: str) -> list[MediaRange]:
    """The ranges in order; quality values do not matter to Kubernetes' clients."""
    ranges = []
    for part in header.split(","):
        media, *rest = (item.strip() for item in part.split(";"))
        if media:
            pairs = (item.partition("=") for item in rest)
            ranges.append(MediaRange(media.lower(), {key: value for key, _, value in pairs}))
    return ranges


def not_acceptable(representations: tuple[str, ...]) -> status.NotAcceptable:
    return status.NotAcceptable(
        "406: Not Acceptable\n\nAvailable representations: " + ", ".join(representations), {}
    )


OBJECTS = (JSON, YAML, PROTOBUF, f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")
CUSTOM = (JSON, YAML, f"{JSON};stream=watch")


def choose(
    header: str, *, user_agent: str = "", pretty: str | None = None, custom: bool = False
) -> Accepted:
    """The first range that can be served; raises NotAcceptable."""
    indent = pretty in ("", "1", "true") if pretty is not None else _is_person(user_agent)
    if not header.strip():
        return Accepted(pretty=indent)
    known_media = False
    for wanted in parse_accept(header):
        if wanted.media in (YAML, "application/x-yaml", "text/yaml"):
            return Accepted(YAML)
        if wanted.media in (JSON, "application/*", "*/*"):
            shape = wanted.parameters.get("as", "")
            if not shape:
                return Accepted(pretty=indent)
            known_media = True
            group, version = wanted.parameters.get("g"), wanted.parameters.get("v", "")
            served = group == "meta.k8s.io" and version in ("v1", "v1beta1")
            if served and shape in SHAPES:
                return Accepted(JSON, shape, version, indent)  # type: ignore[arg-type]
    if known_media:
        plain = ", ".join(OBJECTS[:2] if custom else OBJECTS[:3])
        raise status.NotAcceptable(f"only the following media types are accepted: {plain}")
    raise not_acceptable(CUSTOM if custom else OBJECTS)


def _is_person(user_agent: str) -> bool:
    return user_agent.startswith(("curl/", "Wget/", "Mozilla/"))


def body_media(content_type: str) -> str:
    """JSON, YAML or PROTOBUF; raises UnsupportedMediaType."""
    media = content_type.partition(";")[0].strip().lower()
    if media in ("", JSON):
        return JSON
    if media in (YAML, "application/x-yaml", "text/yaml"):
        return YAML
    if media == PROTOBUF:
        return PROTOBUF
    raise status.UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )
