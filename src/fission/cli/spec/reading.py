"""From a directory of files to an application: which files count, and what is in them.

All files are read and everything that is wrong in any of them is told together. Objects of other
kinds are left to whoever applies those, with a warning.
"""

import difflib
import os
import pathlib
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from fission.api import resources
from fission.cli import errors, specfiles
from fission.cli.spec import document, yamlfile

IGNORE_FILE: Final = ".specignore"
MAX_FILE_BYTES: Final = 64 << 20
"""Of one file; archives inside of objects are the only reason for large ones."""
SUFFIXES: Final = (".yaml", ".yml")
_API_VERSION: Final = f"{resources.GROUP}/{resources.VERSION}"
_KNOWN: Final = (*resources.BY_KIND, document.DEPLOYMENT, document.ARCHIVE)
_CLOSE: Final = 0.75
_FEW: Final = 20
_DEPLOYMENT_FIELDS: Final = ("apiVersion", "kind", "name", "uid")
_ARCHIVE_FIELDS: Final = ("apiVersion", "kind", "name", "rootdir", "include", "exclude")

Ignored = Callable[[str, bool], bool]
"""Whether a path inside of the directory, with slashes, is left out; and whether it is a folder."""


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


def find_files(directory: pathlib.Path, ignore_file: str | None = None) -> list[pathlib.Path]:
    """The files of a directory that are read, sorted."""
    ignored = _ignored(directory, ignore_file)
    return sorted(_walk(directory, ignored))


def ignores(directory: pathlib.Path, ignore_file: str | None = None) -> Ignored:
    """What the patterns of a directory leave out."""
    return _ignored(directory, ignore_file)


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
        for path in find_files(self._directory, ignore_file):
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
            content = _content(path)
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
            self._refuse(f"want a mapping with kind and metadata, found {name_of(data)}", place)
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
                text = f'want text, found {name_of(found)}; put it in quotes: "{found}"'
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
            text = "Required value" if not found else f"want text, found {name_of(found)}"
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
            refuse("name", "Required value" if not name else f"want text, found {name_of(name)}")
        if root is not None and not isinstance(root, str):
            refuse("rootdir", f"want text, found {name_of(root)}")
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
            self._refuse(f"{kind}: {key}: unknown field{suggestion(key, known)}", place)
        return bool(unknown)

    def _leave_out(self, kind: str, version: Any, place: document.Place) -> None:
        group = str(version or "").rpartition("/")[0]
        if kind in _KNOWN and group in ("", resources.GROUP):
            text = f"Unsupported value: {version!r}: want {_API_VERSION}"
            self._refuse(f"{kind}: apiVersion: {text}", place)
            return
        close = nearest(kind, _KNOWN, _CLOSE)
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


def suggestion(key: str, known: Collection[str]) -> str:
    """``; did you mean name?`` for the nearest of the known words, or all if there are few."""
    close = nearest(key, known)
    if close:
        return f"; did you mean {close}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= _FEW else ""


def nearest(key: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """The known word that somebody who wrote another one had in mind, or nothing."""
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(key.lower(), by_lower, 1, cutoff)
    return by_lower[close[0]] if close else ""


def name_of(value: Any) -> str:
    """A value of YAML in words, for messages."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"number {value}"
    if isinstance(value, str):
        shown = value if len(value) <= 40 else f"{value[:39]}…"
        return f'text "{shown}"'
    return "a mapping" if isinstance(value, dict) else "a list"


def _is_ours(version: Any) -> bool:
    """Fission's own files sometimes leave the apiVersion out."""
    return version in (None, "", _API_VERSION)


def _content(path: pathlib.Path) -> bytes:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise yamlfile.Refused("is not a regular file")
    if found.st_size > MAX_FILE_BYTES:
        size = f"{found.st_size >> 20} MiB"
        raise yamlfile.Refused(f"has {size}, at most {MAX_FILE_BYTES >> 20} are read")
    return path.read_bytes()


def _walk(directory: pathlib.Path, ignored: Ignored) -> Iterator[pathlib.Path]:
    for folder, folders, files in os.walk(directory):
        below = pathlib.Path(folder).relative_to(directory)
        prefix = "" if below == pathlib.Path() else f"{below.as_posix()}/"
        folders[:] = [name for name in folders if not ignored(prefix + name, True)]
        for name in files:
            if name.endswith(SUFFIXES) and not ignored(prefix + name, False):
                yield directory / below / name


def _ignored(directory: pathlib.Path, ignore_file: str | None) -> Ignored:
    path = directory / (ignore_file or IGNORE_FILE)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        if ignore_file:
            raise errors.CliError(
                f"--specignore {ignore_file}: no such file in {directory}",
                remedy="it is looked for inside of the directory of specs",
            ) from error
        return lambda name, is_folder: False
    import pathspec

    try:
        spec = pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise errors.CliError(f"{path}: {error}") from error
    return lambda name, is_folder: spec.match_file(f"{name}/" if is_folder else name)


def _shown(path: pathlib.Path, cwd: pathlib.Path | None) -> pathlib.Path:
    if cwd is not None and path.is_relative_to(cwd):
        return path.relative_to(cwd)
    return path
