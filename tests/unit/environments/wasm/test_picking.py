"""What a source holds decides how it is built."""

from __future__ import annotations

import pytest

from fission_wasm_builder import errors, picking
from fission_wasm_builder.picking import Recipe


@pytest.mark.parametrize(
    ("names", "recipe", "files"),
    [
        (["Cargo.toml", "src/main.rs", "x.c"], Recipe.CARGO, ("Cargo.toml",)),
        (["build.zig", "src/main.zig"], Recipe.ZIG_BUILD, ("build.zig",)),
        (["Makefile", "main.c"], Recipe.MAKE, ("Makefile",)),
        (["lib/b.c", "a.c", "a.h", "README.md"], Recipe.C, ("a.c", "lib/b.c")),
        (["a.c", "b.cpp"], Recipe.CPP, ("a.c", "b.cpp")),
        (["main.zig", "other.zig"], Recipe.ZIG, ("main.zig",)),
        (["src/main.zig", "src/x.zig"], Recipe.ZIG, ("src/main.zig",)),
        (["only.rs"], Recipe.RUST, ("only.rs",)),
        (["b.wat", "a.wat", "c.wasm"], Recipe.TEXT, ("a.wat", "b.wat")),
        (["x/ready.wasm"], Recipe.READY, ("x/ready.wasm",)),
        (["main.wat", "tests/test.c", ".git/x.c", "target/y.rs"], Recipe.TEXT, ("main.wat",)),
        (["app.py", "main.c"], Recipe.PYTHON, ("app.py",)),
    ],
)
def test_the_first_recipe_that_fits(
    names: list[str], recipe: Recipe, files: tuple[str, ...]
) -> None:
    assert picking.pick(names) == picking.Plan(recipe, files)


def test_a_source_that_holds_nothing_to_build() -> None:
    with pytest.raises(errors.BuildError, match=r"the source holds README\.md; wanted is one of"):
        picking.pick(["README.md"])


def test_two_files_that_may_have_the_main() -> None:
    with pytest.raises(errors.BuildError, match=r"There is no main\.zig but: a\.zig, b\.zig"):
        picking.pick(["a.zig", "b.zig"])


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"\0asm\x01\0\0\0", ".wasm"),
        (b"  (module)", ".wat"),
        (b";; comment\n(module)", ".wat"),
        (b"#include <stdio.h>\nint main(void) {}", ".c"),
        (b'const std = @import("std");', ".zig"),
        (b'fn main() { println!("x"); }', ".rs"),
    ],
)
def test_a_single_file_is_known_by_its_content(content: bytes, suffix: str) -> None:
    assert picking.recognize(content) == suffix


def test_a_single_file_of_another_sort_is_refused() -> None:
    with pytest.raises(errors.BuildError, match="neither WebAssembly nor C, Zig or Rust"):
        picking.recognize(b"print('x')")
