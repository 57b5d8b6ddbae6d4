"""The default build command on real folders, with local wheels instead of a network."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from tests.integration.environments.python.conftest import Build, Builder
from tests.support import wheels

MAIN = "import shop\n\n\ndef main():\n    return shop.sell()\n"
BACK_END = """
import pathlib, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    pathlib.Path("left_behind.txt").write_text("from the back end")
    name = "corner-2.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        for path in pathlib.Path("src").rglob("*.py"):
            wheel.write(path, path.relative_to("src"))
        info = "corner-2.0.dist-info"
        metadata = "Metadata-Version: 2.1\\nName: corner\\nVersion: 2.0\\nRequires-Dist: shop\\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        tag = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", tag)
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
PACKAGE = {
    "pyproject.toml": """
[build-system]
requires = []
build-backend = "back_end"
backend-path = ["tools"]
[project]
name = "corner"
version = "2.0"
dependencies = ["shop"]
""",
    "tools/back_end.py": BACK_END,
    "src/corner/__init__.py": "import shop\n\n\ndef main():\n    return shop.sell()\n",
}


def call(built: Build, module: str = "main") -> str:
    """Import from the package alone and call ``main``; sources cannot be used twice as good."""
    script = (
        f"import sys; sys.path.insert(0, {str(built.target)!r}); sys.dont_write_bytecode = True\n"
        f"import {module} as found; print(found.main())"
    )
    command = [sys.executable, "-I", "-S", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_requirements_are_installed_beside_the_function(build: Builder, tool: str) -> None:
    built = build({"main.py": MAIN, "requirements.txt": "shop\n"}, BUILD_TOOL=tool)
    assert built.code == 0, built.log
    assert call(built) == "ring"
    assert f"installing requirements.txt with {tool} for Python" in built.log
    assert "2 packages installed" in built.log
    assert built.files >= {"main.py", "requirements.txt", "shop.py", "till/__init__.py"}
    assert ".lock" not in built.files


def test_every_module_has_byte_code_that_no_time_stamp_invalidates(build: Builder) -> None:
    built = build({"main.py": MAIN, "sub/a.py": "A = 1\n", "requirements.txt": "shop\n"})
    modules = {name for name in built.files if name.endswith(".py")}
    assert len(modules) >= 4
    for name in modules:
        compiled = importlib.util.cache_from_source(str(built.target / name))
        flags = int.from_bytes(pathlib.Path(compiled).read_bytes()[4:8], "little")
        assert flags == 0b01, f"{name}: hash-based and unchecked"
    (built.target / "shop.py").write_text("this is read by nobody (\n")
    os.utime(built.target / "main.py", (1, 1))
    assert call(built) == "ring"


def test_a_traceback_shows_where_the_code_lies(build: Builder) -> None:
    built = build({"sub/main.py": "def main():\n    return main.__code__.co_filename\n"})
    assert call(built, "sub.main") == str(built.target / "sub" / "main.py")


def test_equal_sources_make_equal_packages(build: Builder) -> None:
    made = []
    for name in ("package-aaaaaa", "package-bbbbbb"):
        files = {"main.py": MAIN, "requirements.txt": "shop\n", **PACKAGE}
        files["requirements.txt"] = "shop\n.\n"
        built = build(files, name=name)
        assert built.code == 0, built.log
        made.append(
            {
                str(path.relative_to(built.target)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(built.target.rglob("*"))
                if path.is_file()
            }
        )
    assert made[0] == made[1]


def test_files_of_a_package_are_not_links_into_the_cache(build: Builder) -> None:
    built = build({"main.py": MAIN, "requirements.txt": "shop\n"})
    for path in built.target.rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or path.stat().st_nlink == 1


def test_dependencies_of_a_project_are_installed(build: Builder) -> None:
    project = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["shop"]\n'
    for tool in ("uv", "pip"):
        files = {"main.py": MAIN, "pyproject.toml": project}
        built = build(files, name=f"package-{tool}", BUILD_TOOL=tool)
        assert built.code == 0, built.log
        assert call(built) == "ring"


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_package_is_built_by_its_own_back_end(build: Builder, tool: str) -> None:
    built = build(PACKAGE, BUILD_TOOL=tool)
    assert built.code == 0, built.log
    assert call(built, "corner") == "ring"
    assert "left_behind.txt" not in built.files


def test_a_lock_file_of_uv_decides_the_versions(
    build: Builder, wheelhouse: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    project = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n'
    project += 'dependencies = ["shop"]\n'
    source = tmp_path / "locked"
    source.mkdir()
    (source / "pyproject.toml").write_text(project)
    offline = ("--no-index", "--find-links", str(wheelhouse), "--offline")
    command = [sys.executable, "-m", "uv", "lock", "--quiet", "--python", sys.executable, *offline]
    subprocess.run(command, cwd=source, check=True, env={**os.environ, "HOME": str(tmp_path)})
    wheels.make(wheelhouse, "till", {"till.py": "def ring():\n    return 'new'\n"}, version="1.1")
    locked = (source / "uv.lock").read_text()
    files = {"main.py": MAIN, "pyproject.toml": project, "uv.lock": locked}
    built = build(files)
    assert built.code == 0, built.log
    assert call(built) == "ring"
    refused = build(files, name="package-pip", BUILD_TOOL="pip")
    assert refused.code == 1
    assert "uv.lock is read by uv only" in refused.log


def test_a_single_file_stays_a_file(tmp_path: pathlib.Path, build: Builder) -> None:
    (tmp_path / "one").write_text("def main():\n    return 'one'\n")
    built = build({}, name="one")
    assert built.code == 0, built.log
    assert built.target.read_text() == "def main():\n    return 'one'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [("def main(:\n", "it is not Python"), ("# /// script\n# ///\n", "a requirements.txt")],
)
def test_a_single_file_that_cannot_work_is_refused(
    tmp_path: pathlib.Path, build: Builder, text: str, says: str
) -> None:
    (tmp_path / "one").write_text(text)
    built = build({}, name="one")
    assert built.code == 1
    assert says in built.log


def test_the_persons_file_takes_the_place_of_a_dependencys(build: Builder) -> None:
    built = build(
        {
            "till/__init__.py": "def ring():\n    return 'mine'\n",
            "requirements.txt": "shop\n",
            "main.py": MAIN,
        }
    )
    assert "your till/__init__.py takes the place" in built.log
    assert call(built) == "mine"


def test_a_file_in_the_place_of_a_folder_is_refused(build: Builder) -> None:
    built = build({"till": "", "requirements.txt": "shop\n"})
    assert built.code == 1
    assert "till is a file where a dependency installs a folder" in built.log


def test_what_is_of_no_use_stays_behind(build: Builder) -> None:
    built = build(
        {
            "main.py": MAIN,
            ".git/config": "",
            "env/pyvenv.cfg": "",
            "env/lib/a.py": "",
            "__pycache__/main.cpython-311.pyc": b"stale",
        }
    )
    assert built.files == {"main.py"}
    assert "left out: .git, env" in built.log


def test_wheels_within_the_package_are_used_and_left_out(
    build: Builder, wheelhouse: pathlib.Path
) -> None:
    files: dict[str, str | bytes] = {"main.py": MAIN, "requirements.txt": "shop\n"}
    for wheel in wheelhouse.iterdir():
        files[f"wheels/{wheel.name}"] = wheel.read_bytes()
    built = build(files, FISSION_WHEELS="wheels")
    assert built.code == 0, built.log
    assert call(built) == "ring"
    assert not any(name.startswith("wheels") for name in built.files)


def test_a_dependency_with_a_broken_module_is_installed(
    build: Builder, wheelhouse: pathlib.Path
) -> None:
    files = {"odd/__init__.py": "", "odd/py2.py": "print 'old'\n", "odd/nul.py": "a\0b"}
    wheels.make(wheelhouse, "odd", files)
    built = build({"main.py": "def main():\n    return 1\n", "requirements.txt": "odd\n"})
    assert built.code == 0, built.log
    assert "2 of dependencies passed over" in built.log


def test_tests_of_dependencies_stay_sources(build: Builder, wheelhouse: pathlib.Path) -> None:
    wheels.make(wheelhouse, "tried", {"tried/__init__.py": "", "tried/tests/test_it.py": ""})
    files = {"main.py": "def main():\n    return 1\n", "tests/test_mine.py": ""}
    built = build({**files, "requirements.txt": "tried\n"})
    assert built.code == 0, built.log
    compiled = {path.parent.parent.name for path in built.target.rglob("*.pyc")}
    assert compiled == {built.target.name, "tried", "tests"}
    assert not list((built.target / "tried" / "tests").rglob("*.pyc"))


def test_a_broken_module_of_ones_own_is_a_warning(build: Builder) -> None:
    built = build({"main.py": "def main():\n    return 1\n", "old.py": "\nprint 'old'\n"})
    assert built.code == 0, built.log
    assert "warning: old.py does not compile: line 2: Missing parentheses" in built.log


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_missing_dependency_ends_the_build_with_advice(build: Builder, tool: str) -> None:
    built = build({"main.py": MAIN, "requirements.txt": "nowhere-to-be-found\n"}, BUILD_TOOL=tool)
    assert built.code == 1
    assert "nowhere-to-be-found" in built.log
    assert f"build: failed: {tool} could not install the dependencies" in built.log
    assert "(FISSION_WHEELS)" in built.log


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_dependency_for_another_python_ends_the_build_with_advice(
    build: Builder, wheelhouse: pathlib.Path, tool: str
) -> None:
    wheels.make(wheelhouse, "later", {"later.py": ""}, requires_python=">=3.99")
    built = build({"main.py": MAIN, "requirements.txt": "later\n"}, BUILD_TOOL=tool)
    assert built.code == 1
    assert "does not support this environment's Python" in built.log


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_missing_compiler_is_named_with_its_package(build: Builder, tool: str) -> None:
    words = "error: command 'gcc' failed: No such file or directory"
    back_end = f'def build_wheel(*_):\n    raise SystemExit("{words}")\n'
    built = build({**PACKAGE, "tools/back_end.py": back_end}, BUILD_TOOL=tool)
    assert built.code == 1
    assert "install the package build-essential" in built.log


def test_an_editable_dependency_is_refused(build: Builder) -> None:
    built = build({**PACKAGE, "requirements.txt": "-e .\n"})
    assert built.code == 1
    assert "editable" in built.log


def test_a_link_that_leads_out_is_refused(tmp_path: pathlib.Path, build: Builder) -> None:
    source = tmp_path / "package-abc123"
    source.mkdir()
    (source / "secret.txt").symlink_to("/etc/hostname")
    built = build({"main.py": MAIN})
    assert built.code == 1
    assert "secret.txt is a link to /etc/hostname" in built.log


def test_a_script_of_ones_own_works_as_with_other_builders(build: Builder) -> None:
    script = (
        "#!/bin/sh\n"
        "pip3 install -r ${SRC_PKG}/requirements.txt -t ${SRC_PKG} && "
        "cp -r ${SRC_PKG} ${DEPLOY_PKG} && compile-bytecode ${DEPLOY_PKG}\n"
    )
    files = {"main.py": MAIN, "requirements.txt": "shop\n", "build.sh": script}
    built = build(files, "./build.sh")
    assert built.code == 0, built.log
    assert call(built) == "ring"
    assert "modules compiled" in built.log


def test_a_script_has_a_python_of_its_own(build: Builder) -> None:
    script = (
        "#!/bin/sh\nset -e\n"
        "pip install till\n"
        "python3 -m pip install shop\n"
        "python -c 'import shop, sys; print(shop.sell(), sys.prefix)'\n"
        "uv pip list\n"
        "if python3 -c 'import flask'; then exit 3; fi\n"
        "build\n"
    )
    built = build({"main.py": MAIN, "requirements.txt": "shop\n", "build.sh": script}, "./build.sh")
    assert built.code == 0, built.log
    assert "ring" in built.log
    assert "/home/.build-python" in built.log
    assert call(built) == "ring"
