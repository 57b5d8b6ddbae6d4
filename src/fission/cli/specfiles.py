"""``--spec`` and ``--dry``: an object as a YAML document, saved below ``specs`` or printed."""

import dataclasses
import pathlib
from typing import Any, Final

import yaml

from fission.cli import context, errors, output

Obj = dict[str, Any]

DIRECTORY: Final = "specs"
CONFIG_FILE: Final = "fission-deployment-config.yaml"
_ARCHIVE_KIND: Final = "ArchiveUploadSpec"
_TEMPLATES: Final = {
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


def write(session: context.Session, mode: Mode, documents: list[Obj]) -> None:
    """Print or save what belongs together; the last document names the file."""
    texts = [output.format_document(document, "yaml") for document in documents]
    if mode.dry:
        session.out.text("---\n".join(texts))
        return
    directory = session.path(DIRECTORY)
    if not (directory / CONFIG_FILE).is_file():
        raise errors.CliError(
            f"{directory} is not a directory of specs: it has no {CONFIG_FILE};"
            " run `fission spec init` first"
        )
    for document in documents:
        _refuse_duplicate(directory, document)
    path = _new_file(directory, documents[-1]["kind"])
    path.write_text("---\n".join(texts), encoding="utf-8")
    for document in documents:
        namespace, name = _identity(document)
        place = path.relative_to(session.cwd)
        session.out.line(f"Saving {document['kind']} '{namespace}/{name}' to '{place}'")


def make_archive(name: str, include: list[str]) -> Obj:
    """The document that says which files make an archive."""
    return {"kind": _ARCHIVE_KIND, "name": name, "include": include}


def archive_reference(name: str) -> str:
    """How a package names such an archive."""
    return f"archive://{name}"


def _refuse_duplicate(directory: pathlib.Path, document: Obj) -> None:
    wanted = (document["kind"], *_identity(document))
    for path in sorted((*directory.rglob("*.yaml"), *directory.rglob("*.yml"))):
        try:
            found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise errors.CliError(f"{path} is not YAML: {error}") from error
        for each in found:
            if isinstance(each, dict) and (each.get("kind"), *_identity(each)) == wanted:
                namespace, name = wanted[1:]
                raise errors.CliError(
                    f"same name resource ({name}) already exists in namespace ({namespace})"
                )


def _identity(document: Obj) -> tuple[str, str]:
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        return str(metadata.get("namespace", "")), str(metadata.get("name", ""))
    return "", str(document.get("name", ""))


def _new_file(directory: pathlib.Path, kind: str) -> pathlib.Path:
    stem = _TEMPLATES[kind]
    number = 0
    while (directory / f"{stem}-{number}.yaml").exists():
        number += 1
    return directory / f"{stem}-{number}.yaml"
