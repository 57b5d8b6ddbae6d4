"""``fn update --spec``: a function of the specs changed where it stands, and its package with it.

Of a file only the documents that change are written anew; what stands around them, comments too,
stays as it is.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from fission.api import function_types, objects, package_types, validation
from fission.cli import context, errors, output, specfiles, suggest
from fission.cli.package import build as package_build
from fission.cli.package import code as codes
from fission.cli.spec import document, reading
from fission.cli.spec import validation as spec_validation
from fission.meta import codec

Obj = dict[str, Any]

_MARK: Final = "---"
_PARTS: Final = ("source", "deployment")


@dataclasses.dataclass(frozen=True)
class Edit:
    """A document that takes another's place, or gets a file that is new."""

    path: pathlib.Path
    line: int
    """Where the other begins; 0: of a new file."""
    obj: Obj


class Specs:
    """The specs of the folder that the command runs in."""

    def __init__(self, session: context.Session) -> None:
        self._session = session
        directory = session.path(specfiles.DIRECTORY)
        self._application = reading.read(directory, cwd=session.cwd)
        if self._application.errors:
            raise errors.CliError(
                "the specs cannot be read, so nothing in them is changed",
                "\n".join(map(str, self._application.errors)),
            )

    def find(self, kind: str, name: str) -> document.Document | None:
        """An object of the namespace that was given, or that says none; the only one, if any."""
        given = self._session.given_namespace
        found = [
            each
            for each in self._application.documents
            if (each.kind, each.name) == (kind, name)
            and (not given or each.namespace in ("", given))
        ]
        if len(found) > 1:
            raise errors.CliError(
                f"there is more than one {kind} {name} in the specs",
                "in namespaces " + ", ".join(each.namespace or "(none)" for each in found),
                "choose with --namespace",
            )
        return found[0] if found else None

    def function(self, name: str) -> document.Document:
        """A function of the specs."""
        found = self.find("Function", name)
        if found is None:
            names = [each.name for each in self._application.documents if each.kind == "Function"]
            raise errors.CliError(
                f"there is no Function {name} in the specs",
                suggest.question(name, names),
                "write it down first: fission fn create --spec",
            )
        return found

    def users(self, package: str) -> list[str]:
        """Functions whose code is in a package."""
        functions = (each for each in self._application.documents if each.kind == "Function")
        return sorted(
            each.name for each in functions if package_build.package_of(each.obj) == package
        )

    async def package_edits(
        self, package: document.Document, code: codes.Code, environment: str | None
    ) -> list[Edit]:
        """What other code, another build command or environment makes of a package's documents."""
        before = objects.decode(package_types.Package, codec.deep_copy(package.obj))
        after = objects.decode(package_types.Package, codec.deep_copy(package.obj))
        if environment is not None:
            after.spec.environment.name = environment
        *archives, _ = await package_build.make_documents(self._session, after, code)
        known = {each.name: each for each in self._application.archives}
        edits: list[Edit] = []
        names = spec_validation.archive_names(package.obj)
        for archive in archives:
            reference = specfiles.archive_reference(archive["name"])
            part = next(each for each in _PARTS if getattr(after.spec, each).url == reference)
            old = known.get(names.get(part, ""))
            if old is None or self._uses_of(old.name) > 1:
                path = specfiles.new_file(self._application.directory, document.ARCHIVE)
                edits.append(Edit(path.relative_to(self._session.cwd), 0, archive))
                continue
            archive["name"] = old.name
            getattr(after.spec, part).url = specfiles.archive_reference(old.name)
            if list(old.include) != archive["include"] or old.exclude:
                edits.append(Edit(old.path, old.line, archive))
        changed = objects.overlay(package.obj, before, after)
        if changed != package.obj:
            edits.append(Edit(package.path, package.line, changed))
        return edits

    def write(self, edits: Sequence[Edit]) -> None:
        """Write the files and say which documents are other ones now."""
        texts: dict[pathlib.Path, str] = {}
        for edit in sorted(edits, key=lambda each: each.line, reverse=True):
            path = self._session.cwd / edit.path
            if not edit.line:
                before = f"{texts[path]}{_MARK}\n" if path in texts else ""
                texts[path] = before + output.format_document(edit.obj, "yaml")
                continue
            before = texts.get(path) or path.read_text(encoding="utf-8")
            texts[path] = replaced(before, edit.line, edit.obj)
        for path, text in texts.items():
            scratch = path.with_name(f".{path.name}.new")
            scratch.write_text(text, encoding="utf-8")
            os.replace(scratch, path)
        for edit in edits:
            self._session.out.line(specfiles.saved(edit.obj, edit.path))
        if not edits:
            self._session.out.line("Nothing to change: the specs say so already.")

    def _uses_of(self, archive: str) -> int:
        packages = (each for each in self._application.documents if each.kind == "Package")
        return sum(
            list(spec_validation.archive_names(each.obj).values()).count(archive)
            for each in packages
        )


async def update(
    session: context.Session,
    name: str,
    change: Callable[[function_types.Function], None],
    code: codes.Code | None = None,
    environment: str | None = None,
    package_name: str | None = None,
    *,
    force: bool = False,
) -> tuple[function_types.Function, function_types.Function]:
    """Change a function in the specs; as it was, and as it is."""
    specs = Specs(session)
    found = specs.function(name)
    before = objects.decode(function_types.Function, codec.deep_copy(found.obj))
    after = objects.decode(function_types.Function, codec.deep_copy(found.obj))
    edits: list[Edit] = []
    change(after)
    if package_name:
        package = specs.find("Package", package_name)
        after.spec.package.package_ref.name = package_name
        if package is not None:
            made = objects.decode(package_types.Package, codec.deep_copy(package.obj))
            environment = made.spec.environment.name or environment
    elif environment or (code and (code.is_given or code.build_command is not None)):
        package = _package_of(specs, before)
        _refuse_shared(specs.users(package.name), force=force)
        edits += await specs.package_edits(package, code or codes.Code(), environment)
    if environment:
        after.spec.environment.name = environment
    validation.check(after)
    changed = objects.overlay(found.obj, before, after)
    if changed != found.obj:
        edits.append(Edit(found.path, found.line, changed))
    specs.write(edits)
    return before, after


def replaced(text: str, line: int, obj: Obj) -> str:
    """A file's text with another document in place of the one on a line. Pure."""
    lines = text.splitlines(keepends=True)
    start = line - 1
    end = start + 1
    while end < len(lines) and not lines[end].startswith((_MARK, "...")):
        end += 1
    made = output.format_document(obj, "yaml")
    if lines[start].startswith(_MARK):
        made = f"{_MARK}\n{made}"
    return "".join(lines[:start]) + made + "".join(lines[end:])


def _package_of(specs: Specs, function: function_types.Function) -> document.Document:
    name = function.spec.package.package_ref.name
    if not name:
        raise errors.CliError("the function has no package", "", "give it one with --pkgname")
    found = specs.find("Package", name)
    if found is None:
        raise errors.CliError(
            f"there is no Package {name} in the specs",
            "the function's code is in it",
            "change that with `fission pkg update`, or name one with --pkgname",
        )
    return found


def _refuse_shared(users: Sequence[str], *, force: bool) -> None:
    if len(users) > 1 and not force:
        raise errors.CliError(
            "package is used by multiple functions, use --force to force update",
            f"all of them would run the new code: {', '.join(users)}",
        )
