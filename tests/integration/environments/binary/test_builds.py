"""What the default build command makes of a source."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

from tests.integration.environments.binary import conftest


def a_source(folder: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    for name, content in files.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o644)
    return folder / "source"


def modes(folder: pathlib.Path) -> dict[str, bool]:
    """Every file of the package, and whether it is executable."""
    return {
        str(path.relative_to(folder)): os.access(path, os.X_OK)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_scripts_become_executable_and_nothing_else_does(
    tmp_path: pathlib.Path, build: conftest.Build
) -> None:
    source = a_source(tmp_path, {"run": "#!/bin/sh\n", "lib/a tool": "#!/bin/sh\n", "data": "x"})
    done = build(source)
    assert done.returncode == 0, done.stderr
    assert modes(tmp_path / "deploy") == {"run": True, "lib/a tool": True, "data": False}
    assert "making lib/a tool executable" in done.stdout


def test_a_source_of_one_file(tmp_path: pathlib.Path, build: conftest.Build) -> None:
    source = a_source(tmp_path, {"run": "#!/bin/sh\n"}) / "run"
    assert build(source).returncode == 0
    assert os.access(tmp_path / "deploy", os.X_OK)


def test_build_sh_goes_before_a_makefile(tmp_path: pathlib.Path, build: conftest.Build) -> None:
    files = {"build.sh": "#!/bin/sh\necho built > made\n", "Makefile": "all:\n\tfalse\n"}
    done = build(a_source(tmp_path, files))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deploy" / "made").read_text() == "built\n"


def test_a_build_may_make_the_package_itself(tmp_path: pathlib.Path, build: conftest.Build) -> None:
    script = '#!/bin/sh\nmkdir "$DEPLOY_PKG"\nprintf "#!/bin/sh\\n" > "$DEPLOY_PKG/only"\n'
    assert build(a_source(tmp_path, {"build.sh": script})).returncode == 0
    assert modes(tmp_path / "deploy") == {"only": True}


def test_make_is_run(tmp_path: pathlib.Path, build: conftest.Build) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed (Debian package make)")
    done = build(a_source(tmp_path, {"Makefile": "all:\n\techo made > made\n"}))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deploy" / "made").exists()


def test_a_failing_build_fails(tmp_path: pathlib.Path, build: conftest.Build) -> None:
    done = build(a_source(tmp_path, {"build.sh": "#!/bin/sh\necho no >&2\nexit 4\n"}))
    assert (done.returncode, done.stderr) == (4, "no\n")
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize(("file", "tool"), [("Makefile", "make"), ("go.mod", "go")])
def test_a_missing_tool_is_named_with_its_package(
    tmp_path: pathlib.Path, build: conftest.Build, file: str, tool: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "chmod", "cp", "find", "head", "tr"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    done: subprocess.CompletedProcess[str] = build(a_source(tmp_path, {file: ""}), PATH=str(tools))
    assert done.returncode == 1
    assert f"{file} needs {tool}, which is not installed in the builder: apt-get i" in done.stderr
