"""What is wrong in an application, by its files alone: fields, references, duplicates. Pure."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fission.api import (
    function_defaults,
    function_types,
    httptrigger_defaults,
    objects,
    reference_types,
    resources,
)
from fission.api import validation as admission
from fission.api.fielderrors import FieldError
from fission.cli import suggest
from fission.cli.spec import document, fields
from fission.cli.spec.document import Document, Problem
from fission.meta import codec

SCHEME: Final = "archive://"
MISSING: Final = "in these specs"
"""Said of everything that something refers to and that is not there."""
_PARTS: Final = ("source", "deployment")
_NAMESPACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Package": ("environment",),
    "Function": ("environment", "package.packageref"),
}

Known = Mapping[tuple[str, str, str], Document]
"""Documents by kind, namespace and name."""


@dataclasses.dataclass
class Findings:
    """What was found: errors forbid to go on, warnings do not."""

    errors: list[Problem] = dataclasses.field(default_factory=list)
    warnings: list[Problem] = dataclasses.field(default_factory=list)

    def add(self, other: "Findings") -> None:
        """Take in what somebody else found."""
        self.errors += other.errors
        self.warnings += other.warnings
        self.sort()

    def sort(self) -> None:
        """By file and line."""
        for problems in (self.errors, self.warnings):
            problems.sort(key=Problem.order)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A document whose fields are in order."""

    document: Document
    namespace: str
    decoded: Any


def check(
    application: document.Application, namespace: str = "", *, force_namespace: bool = False
) -> Findings:
    """Everything that can be said of the files alone.

    ``namespace`` is what empty namespaces become, and with ``force_namespace`` all of them.
    """
    findings = Findings(list(application.errors), list(application.warnings))
    entries = []
    known: dict[tuple[str, str, str], Document] = {}
    for each in application.documents:
        own = namespace if force_namespace else each.namespace or namespace
        first = known.setdefault((each.kind, own, each.name), each)
        if first is not each:
            text = f"{each} is there twice; first in {first.place}"
            findings.errors.append(Problem(text, each.place))
        errors, decoded = _check_fields(each, own, force_namespace)
        findings.errors += errors
        if decoded is not None:
            entries.append(Entry(each, own, decoded))
            findings.warnings += _deprecated(each, decoded)
    _check_archives(application, findings)
    for entry in entries:
        _check_references(entry, known, findings)
    _check_unused(entries, known, findings)
    findings.warnings += _same_requests(entries)
    findings.sort()
    return findings


def _check_fields(
    each: Document, namespace: str, force_namespace: bool
) -> tuple[list[Problem], Any]:
    """Faults of one document, and the document decoded without what cannot be read of it."""
    found = fields.check(each.obj)
    wrong = [error.field for error in found if error.reason == fields.WRONG]
    try:
        decoded: Any = objects.decode(
            resources.TYPES[each.kind], objects.without_nulls(_without(each.obj, wrong))
        )
    except codec.DecodeError as error:
        found.append(FieldError("spec", fields.WRONG, str(error)))
        return _problems(each, found), None
    decoded.metadata.namespace = namespace
    found += [
        error
        for error in admission.validate(decoded)
        if not _is_told(error.field, found)
        and not (force_namespace and error.field.endswith(".namespace"))
    ]
    return _problems(each, found), decoded


def _problems(each: Document, found: Iterable[FieldError]) -> list[Problem]:
    return [Problem(f"{each}: {error}", each.place_of(error.field)) for error in found]


def _is_told(field: str, errors: Sequence[FieldError]) -> bool:
    """Whether something around a field, or the field itself, is known to be wrong."""
    told = {each.field for each in errors}
    told |= {each.meant for each in errors if isinstance(each, fields.Misspelled) and each.meant}
    return any(field == each or field.startswith((f"{each}.", f"{each}[")) for each in told)


def _without(obj: document.Obj, wrong: Sequence[str]) -> document.Obj:
    """An object without the fields whose values could not be read."""
    if not wrong:
        return obj
    kept: document.Obj = codec.deep_copy(obj)
    for field in wrong:
        _drop(kept, document.steps_of(field))
    return kept


def _drop(obj: document.Obj, steps: Sequence[str]) -> None:
    """Take a field out of an object; for an entry of a list, the list."""
    part: Any = obj
    owner, key = obj, steps[0]
    for step in steps:
        if isinstance(part, dict):
            owner, key = part, step
            part = part.get(step)
        elif isinstance(part, list):
            part = part[int(step)]
    owner.pop(key, None)


def _check_archives(application: document.Application, findings: Findings) -> None:
    archives: dict[str, document.ArchiveUploadSpec] = {}
    for archive in application.archives:
        first = archives.setdefault(archive.name, archive)
        if first is not archive:
            text = f"{document.ARCHIVE} {archive.name} is there twice; first in {first.place}"
            findings.errors.append(Problem(text, archive.place))
    used = set()
    for each in application.documents:
        if each.kind != "Package":
            continue
        for part, name in archive_names(each.obj).items():
            used.add(name)
            if name not in archives:
                hint = _nearest(name, archives)
                text = f"{each}: spec.{part}.url: there is no archive {name}{hint}"
                findings.errors.append(Problem(text, each.place_of(f"spec.{part}.url")))
    for name, archive in archives.items():
        if name not in used:
            text = f"{document.ARCHIVE} {name} is used by no package"
            findings.errors.append(Problem(text, archive.place))


def archive_names(package: Mapping[str, Any]) -> dict[str, str]:
    """Part of a Package → name of the archive that it refers to."""
    spec = package.get("spec")
    found = {}
    for part in _PARTS:
        archive = spec.get(part) if isinstance(spec, dict) else None
        url = archive.get("url") if isinstance(archive, dict) else None
        if isinstance(url, str) and url.startswith(SCHEME):
            found[part] = url.removeprefix(SCHEME)
    return found


def _check_references(entry: Entry, known: Known, findings: Findings) -> None:
    each = entry.document
    for kind, name, field, is_needed in _references(each.kind, entry.decoded):
        if not name or (kind, entry.namespace, name) in known:
            continue
        text = f"{each}: {field}: there is no {kind} {name} {MISSING}"
        if is_needed:
            text += _elsewhere(kind, name, known) or _nearest(name, _names(kind, known))
            findings.errors.append(Problem(text, each.place_of(field)))
        else:
            findings.warnings.append(Problem(text, each.place_of(field)))
    if each.kind == "Function":
        _check_environments(entry, known, findings)


def _references(kind: str, decoded: Any) -> Iterator[tuple[str, str, str, bool]]:
    """Kind and name of what an object needs, the field that says so, and if it has to be here."""
    spec = decoded.spec
    if kind == "Package":
        yield "Environment", spec.environment.name, "spec.environment.name", False
    elif kind == "Function":
        if function_defaults.executor_type(spec) == function_types.CONTAINER:
            return
        yield "Environment", spec.environment.name, "spec.environment.name", False
        yield "Package", spec.package.package_ref.name, "spec.package.packageref.name", True
    elif kind == "CanaryConfig":
        yield "HTTPTrigger", spec.trigger, "spec.trigger", True
        yield "Function", spec.new_function, "spec.newfunction", True
        yield "Function", spec.old_function, "spec.oldfunction", True
    elif hasattr(spec, "function_ref"):
        reference = spec.function_ref
        if reference.type == reference_types.BY_WEIGHT:
            for name in reference.function_weights or {}:
                yield "Function", name, f"spec.functionref.functionweights[{name}]", True
        else:
            yield "Function", reference.name, "spec.functionref.name", True


def _check_environments(entry: Entry, known: Known, findings: Findings) -> None:
    """A function runs in the environment that its package was made for."""
    spec, each = entry.decoded.spec, entry.document
    package = known.get(("Package", entry.namespace, spec.package.package_ref.name))
    if package is None or not spec.environment.name:
        return
    part = package.obj.get("spec")
    environment = part.get("environment") if isinstance(part, dict) else None
    name = environment.get("name") if isinstance(environment, dict) else None
    if name and name != spec.environment.name:
        text = (
            f"{each}: spec.environment.name: runs in {spec.environment.name}, its package"
            f" {package.name} is for {name}"
        )
        findings.warnings.append(Problem(text, each.place_of("spec.environment.name")))


def _check_unused(entries: Iterable[Entry], known: Known, findings: Findings) -> None:
    used = {
        (entry.namespace, entry.decoded.spec.package.package_ref.name)
        for entry in entries
        if entry.document.kind == "Function"
    }
    for (kind, namespace, name), each in known.items():
        if kind == "Package" and (namespace, name) not in used:
            findings.warnings.append(Problem(f"{each} is used by no function", each.place))


def _same_requests(entries: Iterable[Entry]) -> list[Problem]:
    """Routes that claim what another one claims: a request goes to one of them."""
    first: dict[tuple[Any, ...], Document] = {}
    found = []
    for entry in entries:
        if entry.document.kind != "HTTPTrigger":
            continue
        spec, each = entry.decoded.spec, entry.document
        path = httptrigger_defaults.path(spec)
        methods = frozenset(httptrigger_defaults.methods(spec))
        other = first.setdefault((spec.host, path, bool(spec.prefix), methods), each)
        if other is not each and path:
            text = f"{each} has the host, path and methods of {other} in {other.place}"
            found.append(Problem(text, each.place))
    return found


def _deprecated(each: Document, decoded: Any) -> list[Problem]:
    if each.kind != "HTTPTrigger":
        return []
    fields_of_old = (
        ("spec.host", decoded.spec.host, "spec.ingressconfig.host or spec.routeConfig.hostnames"),
        ("spec.method", decoded.spec.method, "spec.methods"),
    )
    return [
        Problem(f"{each}: {field} is deprecated; use {instead}", each.place_of(field))
        for field, value, instead in fields_of_old
        if value
    ]


def _names(kind: str, known: Known) -> list[str]:
    return [name for found, _, name in known if found == kind]


def _elsewhere(kind: str, name: str, known: Known) -> str:
    """That it is there in another namespace, which references do not leave."""
    spaces = sorted(
        namespace for found, namespace, other in known if (found, other) == (kind, name)
    )
    return (
        f"; it is in namespace {', '.join(spaces)}, and only its own may use it" if spaces else ""
    )


def _nearest(name: str, names: Iterable[str]) -> str:
    close = suggest.nearest(name, list(names))
    return f"; did you mean {close}?" if close else ""
