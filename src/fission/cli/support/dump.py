"""``fission support dump``: states, events and logs of the platform, in one zip.

What a part of the collection fails with stands in the zip in that part's place; the rest is
collected all the same. Code, and values of variables that are called like secrets, are left out.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

import fission
from fission.api import labels, resources
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, output
from fission.cli.backend import protocol
from fission.meta import gvk

Obj = dict[str, Any]

DIRECTORY: Final = "fission-dump"
HIDDEN: Final = "<left out>"
_SECRET_WORDS: Final = ("secret", "token", "password", "passwd", "credential", "key")
_LOG_LINES: Final = 5000
_AT_ONCE: Final = 8
_COMPONENTS: Final = (gvk.SERVICES, gvk.DEPLOYMENTS, gvk.PODS, gvk.EVENTS)


@commands.command(
    "Collect states, events and logs of the platform into a zip.\n\n"
    "  fission support dump --output dump"
)
@options.string("--output", "-o", help="Directory to write to", default=DIRECTORY)
@options.boolean("--nozip", help="Leave the files in a directory instead of a zip")
async def command(session: context.Session, nozip: bool | None, **flags: str | None) -> None:
    """Collect it."""
    target = session.path(flags["output"] or DIRECTORY)
    name = f"fission-dump_{session.clock.now():%Y-%m-%dT%H-%M-%SZ}"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".") as scratch:
        folder = pathlib.Path(scratch) / name
        dump = Dump(session, folder)
        with session.out.spinner("Collecting") as spinner:
            await dump.collect(spinner.say)
        for problem in dump.problems:
            session.out.warning(problem)
        if not dump.files:
            raise errors.CliError(
                "nothing could be collected", remedy="see `fission check` for what is wrong"
            )
        if nozip:
            made = target / name
            shutil.move(folder, made)
        else:
            made = target / f"{name}.zip"
            await asyncio.to_thread(_pack, folder, made)
    session.out.line(f"The archive dump file is {made}" if not nozip else f"The dump is in {made}")


class Dump:
    """One collection: files below a folder."""

    def __init__(self, session: context.Session, folder: pathlib.Path) -> None:
        self._session = session
        self._backend = session.backend
        self._folder = folder
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self.files = 0
        self.problems: list[str] = []

    async def collect(self, say: Callable[[str], None]) -> None:
        """Everything, part by part."""
        platform = await self._attempt("the platform's namespace", self._platform_namespace())
        say("Collecting versions and nodes")
        await self._attempt("versions", self._versions())
        await self._objects("kubernetes", gvk.NODES, None)
        say("Collecting Fission's objects")
        for kind in resources.ALL:
            await self._objects("crds", kind, None)
        say("Collecting components")
        if platform:
            for kind in _COMPONENTS:
                await self._objects("components", kind, platform, with_logs=True)
        say("Collecting builders and functions")
        for folder, label, value in (
            ("builders", labels.OWNER, "buildermgr"),
            ("functions", labels.EXECUTOR_TYPE, ""),
        ):
            for kind in (gvk.DEPLOYMENTS, gvk.PODS):
                await self._objects(folder, kind, None, (label, value), with_logs=True)

    async def _platform_namespace(self) -> str:
        return await self._backend.platform_namespace()

    async def _versions(self) -> None:
        self._write("versions/client.yaml", {"Version": fission.__version__})
        for name, question in (
            ("server", self._backend.server_version),
            ("kubernetes", self._backend.kubernetes_version),
        ):
            found = await self._attempt(f"the version of the {name}", question())
            if found is not None:
                self._write(f"versions/{name}.yaml", found)

    async def _objects(
        self,
        folder: str,
        resource: gvk.Resource,
        namespace: str | None,
        label: tuple[str, str] | None = None,
        *,
        with_logs: bool = False,
    ) -> None:
        """All objects of a kind, and of pods what they printed; ``label`` chooses among them."""
        found = await self._attempt(resource.plural, self._backend.list(resource, namespace))
        chosen = [each for each in found or () if label is None or _has(each, *label)]
        for each in chosen:
            place = f"{lookups.namespace_of(each) or '_'}/{lookups.name_of(each)}"
            self._write(f"{folder}/{resource.plural}/{place}.yaml", without_secrets(each))
        if with_logs and resource.kind == gvk.PODS.kind:
            await asyncio.gather(*(self._logs(folder, pod) for pod in chosen))

    async def _logs(self, folder: str, pod: Obj) -> None:
        namespace, name = lookups.namespace_of(pod), lookups.name_of(pod)
        restarts = {
            str(each.get("name")): int(each.get("restartCount") or 0)
            for each in (pod.get("status") or {}).get("containerStatuses") or ()
        }
        for container in restarts:
            for previous in (False, True) if restarts[container] else (False,):
                query = protocol.LogQuery(
                    namespace, name, container, lines=_LOG_LINES, previous=previous
                )
                suffix = ".previous.log" if previous else ".log"
                path = self._path(f"{folder}/logs/{namespace}/{name}/{container}{suffix}")
                async with self._at_once:
                    await self._attempt(
                        f"logs of {namespace}/{name}",
                        self._copy(self._backend.logs(pod, query), path),
                    )

    async def _copy(self, chunks: AsyncIterator[bytes], path: pathlib.Path) -> None:
        with path.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
        self.files += 1

    async def _attempt(self, what: str, question: Awaitable[Any]) -> Any:
        try:
            return await question
        except base_errors.Error as error:
            told = f"{what} could not be read: {error}"
            if told not in self.problems:
                self.problems.append(told)
            return None

    def _write(self, name: str, value: Any) -> None:
        self._path(name).write_text(output.format_document(value, "yaml"), encoding="utf-8")
        self.files += 1

    def _path(self, name: str) -> pathlib.Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def without_secrets(value: Any) -> Any:
    """An object without code, and without values of variables that sound like secrets."""
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
        name = value["name"].lower()
        if any(word in name for word in _SECRET_WORDS):
            return {**value, "value": HIDDEN}
    return {
        key: HIDDEN if key == "literal" and each else without_secrets(each)
        for key, each in value.items()
        if key != "managedFields"
    }


def _has(obj: Obj, label: str, value: str) -> bool:
    found = (obj["metadata"].get("labels") or {}).get(label)
    return found is not None and (not value or found == value)


def _pack(folder: pathlib.Path, target: pathlib.Path) -> None:
    import zipfile

    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            archive.write(path, path.relative_to(folder.parent))
    os.chmod(target, 0o600)


def _files(folder: pathlib.Path) -> Iterable[pathlib.Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
