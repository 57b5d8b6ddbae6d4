"""What the compilers find in their cache."""

from __future__ import annotations

import pathlib

import pytest

pytest.importorskip("wasmtime", reason="wasmtime is not installed: fission[wasm]")

from fission_wasm_builder import compilers


def test_a_first_build_is_known_by_its_empty_cache(tmp_path: pathlib.Path) -> None:
    assert not compilers.has_compiled("")
    assert not compilers.has_compiled(str(tmp_path))
    (tmp_path / "zig" / "o").mkdir(parents=True)
    assert not compilers.has_compiled(str(tmp_path))
    (tmp_path / "zig" / "o" / "abc").mkdir()
    assert compilers.has_compiled(str(tmp_path))
