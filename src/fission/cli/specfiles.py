"""``--spec`` and ``--dry``: an object as a YAML document, saved below ``specs`` or printed."""

import dataclasses
import pathlib
from typing import Any, Final

from fission.api import objects, resources, validation
from fission.cli import context, errors, output

Obj = dict[str, Any]

DIRECTORY: Final = "specs"
CONFIG_FILE: Final = "fission-deployment-config.yaml"
_ARCHIVE_KIND: Final = "ArchiveUploadSpec"
_TEMPLATES: Final = {
    _ARCHIVE_KIND: "archive",
    "Environment": "env",
    "Function": "function",
    "Package": "package",
    "HTTPTrigger": "route",
    "TimeTrigger": "timetrigger",
    "MessageQueueTrigger": "mqtrigger",
    "KubernetesWatchTrigger": "kubewatch",
    "CanaryConfig": "canary",
}


@dataclasses.dataclass(frozen=True)
class Mode:
    """Whether objects are written down instead of created; printing wins over saving."""

    spec: bool = False
    dry: bool = False

    @property
    def is_on(self) -> bool:
        return self.spec or self.dry


def write(
    session: context.Session, mode: Mode, documents: list[Obj], *, quiet: bool = False
) -> None:
    """Print or save what belongs together; the last document names the file.

    Archives, which only ``fission`` knows, get a file of their own: kubectl takes the other as it
    is. ``quiet``: nothing is said of what the specs lack.
    """
    for document in documents:
        if document["kind"] != _ARCHIVE_KIND:
            validation.check(objects.decode_any(document))
    if mode.dry:
        session.out.text(_format(documents))
        return
    directory = session.path(DIRECTORY)
    if not (directory / CONFIG_FILE).is_file():
        raise errors.CliError(
            f"{directory} is not a directory of specs: it has no {CONFIG_FILE}",
            remedy="begin one with `fission spec init`",
        )
    archives = [each for each in documents if each["kind"] == _ARCHIVE_KIND]
    others = [each for each in documents if each["kind"] != _ARCHIVE_KIND]
    files = {new_file(directory, each[-1]["kind"]): each for each in (archives, others) if each}
    contents = {path: _format(each).encode() for path, each in files.items()}
    warnings = _check_together(session, directory, contents)
    for path, content in contents.items():
        with path.open("xb") as file:
            file.write(content)
        for document in files[path]:
            session.out.line(saved(document, path.relative_to(session.cwd)))
    for warning in () if quiet else warnings:
        session.out.warning(warning)


def _format(documents: list[Obj]) -> str:
    return "---\n".join(output.format_document(each, "yaml") for each in documents)


def saved(document: Obj, place: pathlib.Path) -> str:
    """That a document is in a file now."""
    namespace, name = _identity(document)
    return f"Saving {document['kind']} '{namespace}/{name}' to '{place}'"


def find(session: context.Session, kind: str, name: str) -> Any:
    """An object that the specs have already, decoded, in the namespace that was given; or None."""
    from fission.cli.spec import reading

    directory = session.path(DIRECTORY)
    if not directory.is_dir():
        return None
    for each in reading.read(directory, cwd=session.cwd).documents:
        spaces = ("", session.given_namespace)
        if (each.kind, each.name) == (kind, name) and each.namespace in spaces:
            return objects.decode_any(each.obj)
    return None


def _check_together(
    session: context.Session, directory: pathlib.Path, contents: dict[pathlib.Path, bytes]
) -> list[str]:
    """Refuse what the specs have already; what new documents need that the specs do not have."""
    from fission.cli.spec import reading, validation

    application = reading.read(directory, cwd=session.cwd, unsaved=contents)
    if application.errors:
        raise errors.CliError(
            "the specs cannot be read, so nothing is added to them",
            "\n".join(map(str, application.errors)),
        )
    shown = {path.relative_to(session.cwd) for path in contents}
    first: dict[tuple[str, str, str], Any] = {}
    everything: list[Any] = [*application.documents, *application.archives]
    for each in everything:
        before = first.setdefault(reading.identity(each), each)
        if before is not each and each.path in shown:
            _, namespace, name = reading.identity(each)
            raise errors.CliError(
                f"same name resource ({name}) already exists in namespace ({namespace})",
                f"it is in {before.place}",
                "change it there, or choose another --name",
            )
    found = validation.check(application, session.given_namespace)
    problems = (*found.errors, *found.warnings)
    return [
        f"{problem.text}; create it before you apply"
        for problem in problems
        if problem.place and problem.place.path in shown and validation.MISSING in problem.text
    ]


def make_archive(name: str, include: list[str]) -> Obj:
    """The document that says which files make an archive."""
    return {
        "apiVersion": resources.ENVIRONMENTS.api_version,
        "kind": _ARCHIVE_KIND,
        "name": name,
        "include": include,
    }


def archive_reference(name: str) -> str:
    """How a package names such an archive."""
    return f"archive://{name}"


def _identity(document: Obj) -> tuple[str, str]:
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        return str(metadata.get("namespace", "")), str(metadata.get("name", ""))
    return "", str(document.get("name", ""))


def new_file(directory: pathlib.Path, kind: str) -> pathlib.Path:
    """Where a document of a kind, or several, would be saved."""
    stem = _TEMPLATES[kind]
    number = 0
    while (directory / f"{stem}-{number}.yaml").exists():
        number += 1
    return directory / f"{stem}-{number}.yaml"
