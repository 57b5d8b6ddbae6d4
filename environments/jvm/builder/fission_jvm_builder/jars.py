"""The one JAR file to deploy: found among what a tool made, or put together."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Iterable

from fission_jvm_builder import errors

PREFERRED = ("-jar-with-dependencies.jar", "-with-dependencies.jar", "-all.jar", "-shaded.jar")
"""How the assembly plugin, the shadow plugin and the shade plugin name what has everything."""
NOT_PROGRAMS = ("-sources.jar", "-javadoc.jar", "-tests.jar", "-test-sources.jar", "-plain.jar")
ORIGINAL = "original-"
"""How the shade plugin names what it has replaced."""
EPOCH = (1980, 1, 1, 0, 0, 0)
SIGNATURES = (".SF", ".RSA", ".DSA", ".EC")


def find(folders: Iterable[pathlib.Path], where: str) -> pathlib.Path:
    """Pick the file to deploy; raises BuildError when there is none, or more than one."""
    found = [path for folder in folders for path in sorted(folder.glob("*.jar"))]
    programs = [
        path
        for path in found
        if not path.name.endswith(NOT_PROGRAMS) and not path.name.startswith(ORIGINAL)
    ]
    for suffix in PREFERRED:
        whole = [path for path in programs if path.name.endswith(suffix)]
        if whole:
            programs = whole
            break
    if len(programs) == 1:
        return programs[0]
    if not programs:
        raise errors.BuildError(
            f"the build made no JAR file in {where}; packaging has to be jar, and the file has to "
            "hold the function with all that it depends on"
        )
    names = ", ".join(sorted(path.name for path in programs))
    raise errors.BuildError(
        f"the build made more than one JAR file in {where}: {names}. Name the one to deploy "
        "…-with-dependencies.jar (the assembly plugin does), or build one module alone with "
        "--buildcmd 'build --projects NAME --also-make'"
    )


def describe(path: pathlib.Path) -> str:
    """Size and content for the log; raises BuildError for what the runtime could not load."""
    try:
        with zipfile.ZipFile(path) as jar:
            names = jar.namelist()
    except zipfile.BadZipFile as error:
        raise errors.BuildError(f"{path.name} is not a JAR file: {error}") from error
    if any(name.startswith("BOOT-INF/") for name in names):
        raise errors.BuildError(
            f"{path.name} is an executable JAR file of Spring Boot, whose classes lie in BOOT-INF "
            "where no other program finds them: pack with the assembly or shade plugin instead of "
            "spring-boot-maven-plugin's repackage"
        )
    classes = sum(name.endswith(".class") for name in names)
    if not classes:
        raise errors.BuildError(f"{path.name} holds no class")
    return f"{path.name}: {classes} classes, {path.stat().st_size / 1000:.0f} kB"


def pack(classes: pathlib.Path, libraries: Iterable[pathlib.Path], target: pathlib.Path) -> None:
    """One JAR file of classes and of what libraries hold; the classes' own files come first."""
    services: dict[str, list[bytes]] = {}
    written: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as jar:

        def add(name: str, content: bytes) -> None:
            if name.startswith("META-INF/services/"):
                services.setdefault(name, []).append(content)
            elif name not in written:
                written.add(name)
                _write(jar, name, content)

        for path in sorted(classes.rglob("*")):
            if path.is_file():
                add(path.relative_to(classes).as_posix(), path.read_bytes())
        for library in libraries:
            for name, content in _contents(library):
                add(name, content)
        for name, parts in sorted(services.items()):
            _write(jar, name, b"\n".join(part.rstrip(b"\n") for part in parts) + b"\n")


def _contents(library: pathlib.Path) -> Iterable[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(library) as jar:
            for entry in sorted(jar.infolist(), key=lambda item: item.filename):
                name = entry.filename
                is_about_jar = name == "META-INF/MANIFEST.MF" or name == "META-INF/INDEX.LIST"
                is_signature = name.startswith("META-INF/") and name.endswith(SIGNATURES)
                if entry.is_dir() or is_about_jar or is_signature or name == "module-info.class":
                    continue
                yield name, jar.read(entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise errors.BuildError(f"lib/{library.name} is not a JAR file: {error}") from error


def _write(jar: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    jar.writestr(entry, content)
