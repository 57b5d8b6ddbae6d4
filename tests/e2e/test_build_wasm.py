"""WebAssembly from source to a call, and what its limits do, confined as functions are.

Under every account, so in every mode of isolation: compiled code needs executable memory, threads
and a clock. The C library takes half a minute to compile, so the sources are text; compilers are
tested with the builder's command alone, and Zig once in its pod.
"""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

from tests.e2e import accounts
from tests.e2e import platform as platforms

pytestmark = pytest.mark.e2e

EXAMPLES = accounts.REPOSITORY / "examples" / "wasm"
LOOP = '(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))'
FOREIGN = '(module (import "env" "f" (func)) (memory (export "memory") 1) (func (export "_start")))'


@pytest.fixture(scope="module")
def confined(any_platform: platforms.Platform) -> platforms.Platform:
    """A platform with the environment, under each account."""
    if importlib.util.find_spec("wasmtime") is None:
        pytest.skip("wasmtime is not installed: pip install 'fission[wasm]'")
    any_platform.fission(
        *("env", "create", "--name", "wasm", "--image", "fission/wasm-env"),
        *("--builder", "fission/wasm-builder", "--poolsize", "1"),
        *("--runtime-env", "WASM_TIMEOUT_SECONDS=2"),
    )
    return any_platform


def create(platform: platforms.Platform, name: str, source: pathlib.Path) -> str:
    created = platform.fission(
        "fn", "create", "--name", name, "--env", "wasm", "--src", str(source)
    )
    return created.stdout + created.stderr


def test_text_is_built_and_called(confined: platforms.Platform) -> None:
    log = create(confined, "from-text", EXAMPLES / "hello")
    assert "build: main.wasm: a module of 0 kB" in log
    called = confined.fission("fn", "test", "--name", "from-text")
    assert called.stdout.endswith("hello\n")


def test_a_loop_without_end_is_ended(confined: platforms.Platform) -> None:
    source = confined.home / "work" / "loop"
    source.mkdir(parents=True)
    (source / "main.wat").write_text(LOOP)
    create(confined, "loop", source)
    called = confined.fission("fn", "test", "--name", "loop", check=False)
    assert "the function ran longer than 2 s and was ended" in called.stdout + called.stderr


def test_what_cannot_run_fails_the_build(confined: platforms.Platform) -> None:
    source = confined.home / "work" / "foreign"
    source.mkdir(parents=True)
    (source / "main.wat").write_text(FOREIGN)
    created = confined.fission(
        "fn", "create", "--name", "foreign", "--env", "wasm", "--src", str(source), check=False
    )
    assert created.returncode == 1
    assert "main.wasm imports env.f" in created.stdout + created.stderr


def test_zig_is_built_and_called(platform: platforms.Platform) -> None:
    for module in ("wasmtime", "ziglang"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'fission[wasm,wasm-builder]'")
    platform.fission(
        *("env", "create", "--name", "wasm-zig", "--image", "fission/wasm-env"),
        *("--builder", "fission/wasm-builder", "--poolsize", "1"),
    )
    platform.fission(
        *("fn", "create", "--name", "sparkline", "--env", "wasm-zig"),
        *("--src", str(EXAMPLES / "sparkline")),
    )
    query = ("--query", "values=1", "--query", "values=3")
    called = platform.fission("fn", "test", "--name", "sparkline", *query)
    assert 'points="0.0,38.0 200.0,2.0 "' in called.stdout
    platform.fission("fn", "delete", "--name", "sparkline")
    platform.fission("env", "delete", "--name", "wasm-zig")
