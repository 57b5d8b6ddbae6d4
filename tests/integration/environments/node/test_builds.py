"""The default build of Node.js packages, as the builder runs it, without network."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import tarballs

BUILDER = pathlib.Path(__file__).parents[4] / "environments" / "node" / "builder"
SECONDS = 60.0
SUM = {
    "name": "sum",
    "version": "1.0.0",
    "dependencies": {"adder": "^1.0.0"},
    "devDependencies": {"stamper": "1.0.0"},
}


@dataclass
class Build:
    """A finished build."""

    code: int
    log: str
    target: pathlib.Path

    @property
    def files(self) -> set[str]:
        found = (path for path in self.target.rglob("*") if not path.is_dir())
        return {str(path.relative_to(self.target)) for path in found}

    def digest(self) -> str:
        """What the tree holds: names, modes, content."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            path = self.target / name
            digest.update(f"{name} {path.stat().st_mode:o}\n".encode() + path.read_bytes())
        return digest.hexdigest()

    def run(self, script: str) -> str:
        """What a script prints in the package's folder."""
        done = subprocess.run(
            ["node", "-e", script], cwd=self.target, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


Builder = Callable[..., Build]


@pytest.fixture
def shelf(tmp_path: pathlib.Path) -> tarballs.Shelf:
    """`adder` has a program and needs `numbers`; `stamper` is for development."""
    shelf = tarballs.Shelf(tmp_path / "tarballs")
    shelf.add("numbers", {"index.js": "exports.one = 1;\n"})
    shelf.add(
        "adder",
        {
            "index.js": "exports.add = (a) => a + require('numbers').one;\n",
            "bin/add.js": "#!/usr/bin/env node\nconsole.log(require('..').add(41));\n",
        },
        bin={"add": "bin/add.js"},
        dependencies={"numbers": "1.0.0"},
    )
    stamp = (
        "#!/usr/bin/env node\nrequire('node:fs').writeFileSync('stamped.js', 'exports.n = 7;');\n"
    )
    shelf.add("stamper", {"stamp.js": stamp}, bin={"stamp": "stamp.js"})
    return shelf


@pytest.fixture
def build(tmp_path: pathlib.Path) -> Builder:
    """Builds a folder of files, or a single file; ``name`` tells builds of one test apart."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")

    def run(
        files: Mapping[str, str] | str,
        prepare: Callable[[pathlib.Path], None] = lambda source: None,
        name: str = "package-abc123",
        **more: str,
    ) -> Build:
        source = tmp_path / name
        if isinstance(files, str):
            source.write_text(files)
        else:
            for path, content in files.items():
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_text(content)
        prepare(source)
        return run_build(source, tmp_path / f"{name}-out", tmp_path, **more)

    return run


def run_build(
    source: pathlib.Path, target: pathlib.Path, folder: pathlib.Path, **more: str
) -> Build:
    """Run one build with its private HOME and caches below ``folder``."""
    (folder / "home").mkdir(exist_ok=True)
    image = json.loads((BUILDER / "image.json").read_text())
    env = {
        **{name: value for name, value in image["env"].items() if name.startswith("npm_")},
        "PATH": f"{BUILDER / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder),
        "BUILD_CACHE": str(folder / "cache"),
        "npm_config_cache": str(folder / "cache" / "npm"),
        "SRC_PKG": str(source),
        "DEPLOY_PKG": str(target),
        **{name: os.environ[name] for name in ("NODE_EXTRA_CA_CERTS",) if name in os.environ},
        **more,
    }
    done = subprocess.run(
        ["build"],
        cwd=source if source.is_dir() else source.parent,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return Build(done.returncode, done.stdout, target)


def a_package(shelf: tarballs.Shelf, manifest: Mapping[str, Any], **more: str) -> dict[str, str]:
    return {
        "package.json": json.dumps(manifest),
        "package-lock.json": shelf.lock(manifest, development=("stamper",)),
        "index.js": "exports.main = async () => ({ body: String(require('adder').add(1)) });\n",
        **more,
    }


def test_dependencies_of_the_lock_file_are_installed(build: Builder, shelf: tarballs.Shelf) -> None:
    files = a_package(shelf, SUM, **{".npmrc": "//registry.invalid/:_authToken=secret\n"})
    files[".git/HEAD"] = "ref"
    done = build(files, FISSION_WHEELS=str(shelf.folder))
    assert done.code == 0, done.log
    assert done.run("require('./index').main().then((a) => console.log(a.body))") == "2"
    assert "build: npm ci --omit=dev" in done.log
    assert done.files == {
        "index.js",
        "package.json",
        "package-lock.json",
        "node_modules/.bin/add",
        "node_modules/adder/bin/add.js",
        "node_modules/adder/index.js",
        "node_modules/adder/package.json",
        "node_modules/numbers/index.js",
        "node_modules/numbers/package.json",
    }
    assert (done.target / "package-lock.json").read_text() == files["package-lock.json"]
    assert not any(path.is_symlink() for path in done.target.rglob("*"))
    answer = subprocess.run([done.target / "node_modules/.bin/add"], capture_output=True)
    assert answer.stdout == b"42\n", "a program of a dependency works without links"


def test_a_build_script_has_what_development_needs_and_leaves_it_behind(
    build: Builder, shelf: tarballs.Shelf
) -> None:
    manifest = {**SUM, "scripts": {"build": "stamp"}}
    done = build(a_package(shelf, manifest), FISSION_WHEELS=str(shelf.folder))
    assert done.code == 0, done.log
    assert done.run("console.log(require('./stamped').n)") == "7"
    assert "node_modules/adder/index.js" in done.files
    assert not any("stamper" in name for name in done.files)


def test_a_failing_build_script_fails_the_build(build: Builder) -> None:
    manifest = {"name": "x", "scripts": {"build": "echo to the log; exit 3"}}
    done = build({"package.json": json.dumps(manifest)})
    assert done.code == 1
    assert "to the log" in done.log
    assert done.log.endswith("build: failed: npm run build failed, see above\n")


def test_workspaces_become_folders(build: Builder) -> None:
    manifest = {"name": "x", "workspaces": ["packages/*"], "dependencies": {"part": "1.0.0"}}
    part = {"name": "part", "version": "1.0.0"}
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "": manifest,
            "packages/part": part,
            "node_modules/part": {"resolved": "packages/part", "link": True},
        },
    }
    done = build(
        {
            "package.json": json.dumps(manifest),
            "package-lock.json": json.dumps(lock),
            "packages/part/package.json": json.dumps(part),
            "packages/part/index.js": "exports.name = 'part';",
        }
    )
    assert done.code == 0, done.log
    assert not any(path.is_symlink() for path in done.target.rglob("*"))
    assert done.run("console.log(require('part').name)") == "part"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"index.js": "x"}, "no package.json, nothing to install"),
        ({"index.js": "x", "package.json": "{}"}, "names no dependencies, nothing to install"),
    ],
)
def test_what_needs_no_npm_is_copied(build: Builder, files: dict[str, str], said: str) -> None:
    done = build(files, PATH=f"{BUILDER / 'bin'}:{os.path.dirname(str(shutil.which('node')))}")
    assert (done.code, done.files) == (0, set(files)), done.log
    assert said in done.log


def test_a_single_file_stays_one(build: Builder) -> None:
    done = build("module.exports = () => 1;\n")
    assert (done.code, done.target.read_text()) == (0, "module.exports = () => 1;\n")


def test_modes_come_down_to_executable_or_not(build: Builder) -> None:
    def prepare(source: pathlib.Path) -> None:
        (source / "run.sh").chmod(0o700)
        (source / "data").chmod(0o666)

    done = build({"run.sh": "#!/bin/sh\n", "data": ""}, prepare)
    modes = {path.name: path.stat().st_mode & 0o777 for path in done.target.iterdir()}
    assert modes == {"run.sh": 0o755, "data": 0o644}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/etc/hostname", "a is a link to /etc/hostname, which is not in the package"),
        ("nowhere", "a is a link to nowhere, which does not exist"),
        ("..", "which is not in the package"),
        (".", "a is a link to a folder that holds it"),
    ],
)
def test_links_that_lead_out_are_refused(build: Builder, target: str, message: str) -> None:
    done = build({"index.js": ""}, lambda source: (source / "a").symlink_to(target))
    assert done.code == 1
    assert message in done.log


def test_a_link_within_the_package_is_followed(build: Builder) -> None:
    done = build({"lib/a.js": "1"}, lambda source: (source / "b").symlink_to("lib"))
    assert done.files == {"lib/a.js", "b/a.js"}


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        ({"package.json": "{"}, {}, "build: failed: package.json is not JSON: "),
        ({"package.json": "[]"}, {}, "build: failed: package.json: it is not a JSON object"),
        ({}, {"SRC_PKG": "/nowhere"}, "build: failed: SRC_PKG: there is nothing at /nowhere"),
        ({}, {"DEPLOY_PKG": ""}, "build: failed: DEPLOY_PKG is not set"),
        ({}, {"DEPLOY_PKG": "/tmp"}, "build: failed: DEPLOY_PKG: there is something at /tmp"),
        ({}, {"FISSION_WHEELS": "none"}, "build: failed: FISSION_WHEELS: there is no folder"),
    ],
)
def test_what_cannot_be_built_is_said(
    build: Builder, files: dict[str, str], more: dict[str, str], message: str
) -> None:
    done = build({"index.js": "", **files}, **more)
    assert done.code == 1
    assert message in done.log
    assert "    at " not in done.log


def test_a_package_that_is_not_on_the_shelf_is_said(build: Builder, shelf: tarballs.Shelf) -> None:
    files = a_package(shelf, SUM)
    (shelf.folder / "numbers-1.0.0.tgz").unlink()
    done = build(files, FISSION_WHEELS=str(shelf.folder))
    assert done.code == 1
    assert "the cache lacks a package; for builds without network set FISSION_WHEELS" in done.log


def test_tarballs_need_a_lock_file(build: Builder, shelf: tarballs.Shelf) -> None:
    done = build({"package.json": json.dumps(SUM)}, FISSION_WHEELS=str(shelf.folder))
    assert done.code == 1
    assert "packages are found by the checksums of a package-lock.json; there is none" in done.log


def test_a_lock_file_that_does_not_fit_is_said(build: Builder, shelf: tarballs.Shelf) -> None:
    files = a_package(shelf, SUM)
    shelf.add("latecomer", {"index.js": ""})
    files["package.json"] = json.dumps({**SUM, "dependencies": {"latecomer": "1.0.0"}})
    with shelf.registry() as url:
        done = build(files, NPM_CONFIG_REGISTRY=url)
    assert done.code == 1
    assert "package-lock.json does not fit package.json" in done.log, done.log


def test_without_a_lock_file_versions_are_chosen(build: Builder, shelf: tarballs.Shelf) -> None:
    files = a_package(shelf, SUM, **{"pnpm-lock.yaml": ""})
    del files["package-lock.json"]
    with shelf.registry() as url:
        done = build(files, NPM_CONFIG_REGISTRY=url)
    assert done.code == 0, done.log
    assert "note: no package-lock.json" in done.log
    assert "pnpm-lock.yaml is not npm's" in done.log
    assert "node_modules/numbers/index.js" in done.files


def test_the_same_again_needs_no_network_and_makes_an_equal_tree(
    build: Builder, shelf: tarballs.Shelf
) -> None:
    with shelf.registry() as url:
        first = build(a_package(shelf, SUM), name="package-one", NPM_CONFIG_REGISTRY=url)
        assert first.code == 0, first.log
    again = build(a_package(shelf, SUM), name="package-two", NPM_CONFIG_REGISTRY=url)
    assert again.code == 0, again.log
    assert again.digest() == first.digest()


def test_a_folder_of_tarballs_in_the_package_is_left_out(
    build: Builder, shelf: tarballs.Shelf
) -> None:
    def prepare(source: pathlib.Path) -> None:
        shutil.copytree(shelf.folder, source / "vendored")

    done = build(a_package(shelf, SUM), prepare, FISSION_WHEELS="vendored")
    assert done.code == 0, done.log
    assert not any(name.startswith("vendored") for name in done.files)
