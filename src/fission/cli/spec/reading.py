"""From a directory of files to an application: which files count, and what is in them.

All files are read and everything that is wrong in any of them is told together. Objects of other
kinds are left to whoever applies those, with a warning.
"""

import os
import pathlib
from collections.abc import Mapping
from typing import Any, Final

from fission.api import resources
from fission.cli import errors, specfiles, suggest
from fission.cli.spec import document, folder, words, yamlfile

_API_VERSION: Final = f"{resources.GROUP}/{resources.VERSION}"
_KNOWN: Final = (*resources.BY_KIND, document.DEPLOYMENT, document.ARCHIVE)
_CLOSE: Final = 0.75
_DEPLOYMENT_FIELDS: Final = ("apiVersion", "kind", "name", "uid")
_ARCHIVE_FIELDS: Final = ("apiVersion", "kind", "name", "rootdir", "include", "exclude")


def read(
    directory: pathlib.Path,
    ignore_file: str | None = None,
    cwd: pathlib.Path | None = None,
    unsaved: Mapping[pathlib.Path, bytes] | None = None,
) -> document.Application:
    """Read a directory of specs; what cannot be read is in the application's ``errors``.

    ``ignore_file`` is a file inside of it with patterns as of git; ``.specignore`` by default.
    Files are shown relative to ``cwd``; ``unsaved`` are files that are not there yet. Raises
    CliError when there is no such directory.
    """
    if not directory.is_dir():
        raise errors.CliError(
            f"spec directory '{_shown(directory, cwd)}' does not exist",
            remedy="begin one with `fission spec init`, or name another with --specdir",
        )
    return _Reader(directory, cwd).read(ignore_file, unsaved or {})


def identity(each: document.Document | document.ArchiveUploadSpec) -> tuple[str, str, str]:
    """Kind, namespace and name; an archive has no namespace."""
    if isinstance(each, document.ArchiveUploadSpec):
        return document.ARCHIVE, "", each.name
    return each.kind, each.namespace, each.name


class _Reader:
    """Gathers what is in the files, and what is wrong with them."""

    def __init__(self, directory: pathlib.Path, cwd: pathlib.Path | None) -> None:
        self._directory = directory
        self._cwd = cwd
        self._deployments: list[document.DeploymentConfig] = []
        self._documents: list[document.Document] = []
        self._archives: list[document.ArchiveUploadSpec] = []
        self._errors: list[document.Problem] = []
        self._warnings: list[document.Problem] = []

    def read(
        self, ignore_file: str | None, unsaved: Mapping[pathlib.Path, bytes]
    ) -> document.Application:
        found = folder.look(self._directory, ignore_file)
        for path, why in found.unread:
            self._refuse(f"cannot be read: {why}", document.Place(_shown(path, self._cwd)))
        for path in found.links:
            place = document.Place(_shown(path, self._cwd))
            text = "is a link to a folder and is not followed"
            self._warnings.append(document.Problem(text, place))
        for path in found.files:
            self._read_file(path)
        for path, content in unsaved.items():
            self._read_content(content, _shown(path, self._cwd))
        return document.Application(
            self._directory,
            self._deployment(),
            self._documents,
            self._archives,
            self._errors,
            self._warnings,
        )

    def _read_file(self, path: pathlib.Path) -> None:
        shown = _shown(path, self._cwd)
        try:
            content = folder.content(path)
        except yamlfile.Refused as refused:
            self._refuse(refused.text, document.Place(shown))
        except OSError as error:
            self._refuse(f"cannot be read: {error.strerror}", document.Place(shown))
        else:
            self._read_content(content, shown)

    def _read_content(self, content: bytes, shown: pathlib.Path) -> None:
        try:
            values = yamlfile.read(content)
        except yamlfile.Refused as refused:
            self._refuse(refused.text, document.Place(shown, refused.line))
            return
        for value in values:
            self._take(value, shown)

    def _take(self, value: yamlfile.Value, path: pathlib.Path) -> None:
        place = document.Place(path, value.node.line)
        data = value.data
        if not isinstance(data, dict):
            self._refuse(
                f"want a mapping with kind and metadata, found {words.name_of(data)}", place
            )
            return
        kind = data.get("kind")
        if not isinstance(kind, str) or not kind:
            self._refuse("kind: Required value" if not kind else "kind: want text", place)
            return
        version = data.get("apiVersion")
        if kind == document.DEPLOYMENT:
            self._take_deployment(data, value.node, path)
        elif kind == document.ARCHIVE:
            self._take_archive(data, value.node, path)
        elif kind in resources.BY_KIND and _is_ours(version):
            self._take_object(data, value.node, path)
        else:
            self._leave_out(kind, version, place)

    def _take_object(self, data: Any, node: document.Node, path: pathlib.Path) -> None:
        place = document.Place(path, node.line)
        metadata = data.get("metadata")
        if not isinstance(metadata, dict):
            what = "Required value" if metadata is None else "want a mapping"
            self._refuse(f"{data['kind']}: metadata: {what}", place)
            return
        names = {}
        for field in ("name", "namespace"):
            found = metadata.get(field)
            if found is not None and not isinstance(found, str):
                line = document.line_of(node, f"metadata.{field}")
                text = f"want text, found {words.name_of(found)}; put it in quotes"
                self._refuse(f"metadata.{field}: {text}", document.Place(path, line))
                return
            names[field] = found or ""
        if not names["name"]:
            self._refuse(f"{data['kind']}: metadata.name: Required value", place)
            return
        data.setdefault("apiVersion", _API_VERSION)
        self._documents.append(
            document.Document(
                data["kind"], names["namespace"], names["name"], data, path, node.line, node
            )
        )

    def _take_deployment(self, data: Any, node: document.Node, path: pathlib.Path) -> None:
        place = document.Place(path, node.line)
        unknown = self._unknown(data, node, path, document.DEPLOYMENT, _DEPLOYMENT_FIELDS)
        texts = {}
        for field in ("name", "uid"):
            found = data.get(field)
            if isinstance(found, str) and found:
                texts[field] = found
                continue
            line = document.line_of(node, field)
            text = "Required value" if not found else f"want text, found {words.name_of(found)}"
            self._refuse(f"{document.DEPLOYMENT}: {field}: {text}", document.Place(path, line))
        if len(texts) < 2 or unknown:
            return
        if self._deployments:
            first = self._deployments[0]
            self._refuse(
                f"a second {document.DEPLOYMENT}; the first is in {first.path}:{first.line}", place
            )
            return
        self._deployments.append(
            document.DeploymentConfig(texts["name"], texts["uid"], path, node.line)
        )

    def _take_archive(self, data: Any, node: document.Node, path: pathlib.Path) -> None:
        before = len(self._errors)
        self._unknown(data, node, path, document.ARCHIVE, _ARCHIVE_FIELDS)
        name, root = data.get("name"), data.get("rootdir")

        def refuse(field: str, text: str) -> None:
            line = document.line_of(node, field)
            self._refuse(f"{document.ARCHIVE}: {field}: {text}", document.Place(path, line))

        if not isinstance(name, str) or not name:
            refuse(
                "name", "Required value" if not name else f"want text, found {words.name_of(name)}"
            )
        if root is not None and not isinstance(root, str):
            refuse("rootdir", f"want text, found {words.name_of(root)}")
        patterns = {}
        for field in ("include", "exclude"):
            found = data.get(field) or []
            if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
                refuse(field, "want a list of patterns, each of them text")
                found = []
            patterns[field] = found
        if not data.get("include"):
            refuse("include", "Required value: which files are in the archive")
        if len(self._errors) > before:
            return
        self._archives.append(
            document.ArchiveUploadSpec(
                name,
                self._directory.parent / os.path.expanduser(root or ""),
                patterns["include"],
                patterns["exclude"],
                path,
                node.line,
                node,
            )
        )

    def _unknown(
        self, data: Any, node: document.Node, path: pathlib.Path, kind: str, known: tuple[str, ...]
    ) -> bool:
        unknown = [key for key in data if key not in known]
        for key in unknown:
            place = document.Place(path, document.line_of(node, key))
            self._refuse(f"{kind}: {key}: unknown field{words.suggestion(key, known)}", place)
        return bool(unknown)

    def _leave_out(self, kind: str, version: Any, place: document.Place) -> None:
        group = str(version or "").rpartition("/")[0]
        if kind in _KNOWN and group in ("", resources.GROUP):
            text = f"Unsupported value: {version!r}: want {_API_VERSION}"
            self._refuse(f"{kind}: apiVersion: {text}", place)
            return
        close = suggest.nearest(kind, _KNOWN, _CLOSE)
        if close and (version is None or group == resources.GROUP):
            self._refuse(f"unknown kind {kind}; did you mean {close}?", place)
            return
        self._warnings.append(document.Problem(f"Ignoring unknown type {kind}", place))

    def _deployment(self) -> document.DeploymentConfig:
        if self._deployments:
            return self._deployments[0]
        path = _shown(self._directory, self._cwd) / specfiles.CONFIG_FILE
        if not any(document.DEPLOYMENT in each.text for each in self._errors):
            self._refuse(
                f"there is no {document.DEPLOYMENT}; begin with `fission spec init`",
                document.Place(path),
            )
        return document.DeploymentConfig("", "", path)

    def _refuse(self, text: str, place: document.Place) -> None:
        self._errors.append(document.Problem(text, place))


def _is_ours(version: Any) -> bool:
    """Fission's own files sometimes leave the apiVersion out."""
    return version in (None, "", _API_VERSION)


def _shown(path: pathlib.Path, cwd: pathlib.Path | None) -> pathlib.Path:
    if cwd is not None and path.is_relative_to(cwd):
        return path.relative_to(cwd)
    return path
