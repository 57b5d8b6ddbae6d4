"""Images: folders with an `image.json`, found by the last segment of the name that a pod uses.

`ghcr.io/fission/python-env-3.12:latest`, `registry.example:5000/mirror/python-env@sha256:…` and
`fission/python-env` all come down to the segment between the last slash and the tag or digest,
which is held against the patterns of every manifest: an exact name before a pattern, a longer
pattern before a shorter one. Pure after `load`, but for `missing_needs`, which looks for programs.

An image whose programs are made on this machine (`prepare`) has a folder for them, `{cache}`, whose
name changes with everything in the image's folder and with the programs that it needs.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fission.base import errors as base_errors
from fission.cluster.kubelet import errors

MANIFEST = "image.json"
CACHE_NAME_CHARACTERS = 16
"""Of a digest, for the name of a folder: short enough to read, long enough to be unique."""


class BadManifest(base_errors.Error):
    """An `image.json` that cannot be used; the message names file and field."""

    reason = "BadImageManifest"


@dataclass(frozen=True)
class Need:
    """What the host must have: a program, or a module of the platform's interpreter."""

    name: str
    install: str
    is_module: bool = False

    def find(self) -> str | None:
        """Where it is; None when it is missing."""
        if not self.is_module:
            return shutil.which(self.name)
        try:
            spec = importlib.util.find_spec(self.name)
        except ModuleNotFoundError:  # of a module's package
            return None
        return None if spec is None else spec.origin or self.name


@dataclass(frozen=True)
class Debug:
    """How the image's program is started for a debugger, which comes to ``{port}``.

    Not by the kubelet: by whoever runs the image on a person's machine.
    """

    command: tuple[str, ...] = ()
    """Instead of the image's; empty: the same."""
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Image:
    """One image as its manifest describes it, placeholders filled in."""

    name: str
    root: str
    match: tuple[str, ...]
    command: tuple[str, ...] = ()
    entry: str | None = None
    preload: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    confined: bool = True
    shared: bool = False
    """One process of the node serves this image's container of every pod."""
    needs: tuple[Need, ...] = ()
    init: bool = False
    working_dir: str = "/"
    program: str = ""
    """The path under which pods name the image's own command (`/builder`)."""
    prepare: tuple[str, ...] = ()
    """What fills ``cache`` before the first container; see `preparing`."""
    cache: str = ""
    """The folder that ``prepare`` fills; empty without one."""
    content: str = ""
    """Changes with every file of the image's folder; see `digest`."""
    listens: bool = False
    """Programs in its containers may listen on ports of their own; see `addresses.OWN_PORTS`."""
    binds: str = ""
    """Its program listens for itself, behind a relay: on the port that ``PORT`` names, or on the
    declared ``containerPort`` in a network of its own. Empty: it takes over handed sockets."""

    debug: Debug | None = None

    @property
    def id(self) -> str:
        """What a pod's status names as the image that runs."""
        return f"{self.name}@sha256:{self.content}" if self.content else self.name

    @property
    def visible(self) -> tuple[str, ...]:
        """The folders of this image that its containers see, read-only."""
        return (self.root, self.cache) if self.cache else (self.root,)

    def spawner_name(self, preload: tuple[str, ...], variant: str = "") -> str:
        """The name of the process that this image's containers are started by.

        It changes with whatever that process has taken on, so that a newer image or another
        preload list never meets an older spawner.
        """
        content = json.dumps(
            [*self.visible, self.entry, preload, self.pythonpath, dict(self.env), variant],
            sort_keys=True,
        )
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        plain = "".join(c if c.isalnum() or c == "-" else "-" for c in self.name)[:16]
        return f"sp-{plain}-{digest}"


def last_segment(reference: str) -> str:
    """`host:5000/a/name:tag@digest` → `name`."""
    segment = reference.split("@", 1)[0].rsplit("/", 1)[-1]
    return segment.split(":", 1)[0]


MAX_REMEMBERED: Final = 1000
"""References whose image is known without looking; images do not change while a kubelet runs."""


class Catalog:
    """All images that this node knows."""

    def __init__(self, images: Iterable[Image]) -> None:
        self.images = tuple(images)
        self._found: dict[str, Image] = {}

    def find(self, reference: str) -> Image:
        """The image of that name; asked several times for each step of each pod."""
        found = self._found.get(reference)
        if found is None:
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            found = self._found[reference] = self._find(reference)
        return found

    def _find(self, reference: str) -> Image:
        segment = last_segment(reference)
        best: tuple[tuple[bool, int], Image] | None = None
        for image in self.images:
            for pattern in image.match:
                if not fnmatch.fnmatchcase(segment, pattern):
                    continue
                rank = (pattern == segment, len(pattern))
                if best is None or rank > best[0]:
                    best = (rank, image)
        if best is None:
            known = ", ".join(self.names()) or "none"
            raise errors.UnknownImage(
                f'Container image "{reference}" is not present on this node: no image answers to '
                f'"{segment}". Known are: {known}. To add one, put a folder with an {MANIFEST} '
                "into a folder of images and name that folder at start (fission up --images FOLDER)"
            )
        return best[1]

    def names(self) -> list[str]:
        """The names that images answer to, without the patterns for other versions of a name."""
        patterns = {pattern for image in self.images for pattern in image.match}
        return sorted(
            pattern
            for pattern in patterns
            if not any(name != pattern and pattern.startswith(f"{name}-") for name in patterns)
        )

    def ports(self) -> set[int]:
        return {port for image in self.images for port in image.ports.values()}


def load(
    folders: Iterable[Path], python: str = sys.executable, caches: Path = Path("/nowhere")
) -> Catalog:
    """Read every image in the folders and two levels below them. Earlier ones win.

    ``caches`` is where the images that are prepared on this machine have their folders.
    """
    found: dict[str, Image] = {}
    for folder in folders:
        if not folder.is_dir():
            raise BadManifest(f"folder of images {folder} does not exist")
        for pattern in (MANIFEST, f"*/{MANIFEST}", f"*/*/{MANIFEST}"):
            for manifest in sorted(folder.glob(pattern)):
                image = parse(manifest.read_text(), manifest.parent.resolve(), python, caches)
                found.setdefault(image.name, image)
    return Catalog(found.values())


def parse(text: str, root: Path, python: str, caches: Path = Path("/nowhere")) -> Image:
    where = root / MANIFEST
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise BadManifest(f"{where} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise BadManifest(f"{where}: needs an object")
    known = {
        "name", "match", "command", "zygote", "env", "ports", "confined", "shared", "needs",
        "init", "workingDir", "description", "program", "prepare",
        "listens", "binds", "debug",
    }  # fmt: skip
    unknown = sorted(set(raw) - known)
    if unknown:
        raise BadManifest(f"{where}: unknown field {unknown[0]!r}; known are {sorted(known)}")

    cache = ""

    def fill(value: str) -> str:
        filled = value.replace("{python}", python).replace("{image}", str(root))
        if "{cache}" in filled and not cache:
            raise ValueError(f"found {value!r}: {{cache}} needs a 'prepare' that fills it")
        return filled.replace("{cache}", cache)

    try:
        needs = tuple(_need(n) for n in raw.get("needs") or ())
        prepare = tuple(
            word.replace("{python}", python).replace("{image}", str(root))
            for word in _texts(raw.get("prepare") or [])
        )
        content = digest(root, [python, *prepare], needs)
        if prepare:
            cache = str(caches / _text(raw["name"]) / content[:CACHE_NAME_CHARACTERS])
        zygote = raw.get("zygote") or {}
        shared = raw.get("shared")
        if shared not in (None, "node"):
            raise BadManifest(f"{where}: shared: found {shared!r}, allowed is 'node'")
        image = Image(
            name=_text(raw["name"]),
            root=str(root),
            match=_texts(raw.get("match") or [raw["name"]]),
            command=tuple(fill(word) for word in _texts(raw.get("command") or [])),
            entry=_text(zygote["entry"]) if zygote else None,
            preload=_texts(zygote.get("preload") or []),
            pythonpath=tuple(fill(p) for p in _texts(zygote.get("pythonpath") or [])),
            env={_text(k): fill(_text(v)) for k, v in (raw.get("env") or {}).items()},
            ports={_text(k): int(v) for k, v in (raw.get("ports") or {}).items()},
            confined=bool(raw.get("confined", True)),
            shared=shared == "node",
            needs=needs,
            init=bool(raw.get("init", False)),
            working_dir=fill(_text(raw.get("workingDir", "/"))),
            program=_text(raw.get("program", "")),
            prepare=prepare,
            cache=cache,
            content=content,
            listens=bool(raw.get("listens", False)) or raw.get("binds") == "PORT",
            binds=_text(raw.get("binds", "")),
            debug=_debug(raw["debug"], fill) if "debug" in raw else None,
        )
    except KeyError as error:
        raise BadManifest(f"{where}: field {error.args[0]!r} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise BadManifest(f"{where}: {error}") from error
    if image.binds not in ("", "PORT", "containerPort"):
        raise BadManifest(f"{where}: binds: found {image.binds!r}, allowed: PORT, containerPort")
    if image.binds and (image.entry is not None or image.shared or not image.confined):
        raise BadManifest(f"{where}: binds is for a confined image with a command")
    if not image.command and image.entry is None:
        raise BadManifest(f"{where}: needs a command or a zygote with an entry")
    return image


def digest(root: Path, words: Iterable[str], needs: Iterable[Need]) -> str:
    """A name that changes with the image's files and with the programs that prepare them.

    A folder below with an ``image.json`` of its own is another image, ``__pycache__`` nobody's.
    """
    content = hashlib.sha256()
    for path, names, files in os.walk(root):
        here = Path(path)
        if here != root and MANIFEST in files:
            names.clear()
            continue
        names[:] = sorted(name for name in names if name != "__pycache__")
        for name in sorted(files):
            text = (here / name).read_bytes()
            content.update(f"{(here / name).relative_to(root)}\0{len(text)}\0".encode() + text)
    for need in needs:
        where = need.find()
        real = os.path.realpath(where) if where else ""
        stamp = os.stat(real).st_mtime_ns if real else 0
        content.update(f"{real}\0{stamp}\0".encode())
    content.update("\0".join(words).encode())
    return content.hexdigest()


def missing_needs(image: Image) -> str | None:
    """A sentence that names what to install; None when nothing is missing."""
    missing = [need for need in image.needs if need.find() is None]
    if not missing:
        return None
    names = ", ".join(need.name for need in missing)
    how = "; ".join(dict.fromkeys(need.install for need in missing if need.install))
    return f"image {image.name} needs {names} on this machine" + (f": {how}" if how else "")


def _need(raw: Any) -> Need:
    install = str(raw.get("install", ""))
    if "module" in raw:
        return Need(_text(raw["module"]), install, is_module=True)
    return Need(_text(raw["executable"]), install)


def _debug(raw: Any, fill: Callable[[str], str]) -> Debug:
    return Debug(
        command=tuple(fill(word) for word in _texts(raw.get("command") or [])),
        env={_text(k): fill(_text(v)) for k, v in (raw.get("env") or {}).items()},
        needs=tuple(_need(n) for n in raw.get("needs") or ()),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}, needs text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"found {value!r}, needs a list of texts")
    return tuple(_text(item) for item in value)
