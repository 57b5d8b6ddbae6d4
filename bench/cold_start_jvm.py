"""First call of a Java function that nobody has called yet, on a warm pool, through the router.

What is timed and what it is compared with: `libcold`.
"""

from __future__ import annotations

import pathlib
from typing import Any

import libcold
from tests.support import javac

SOURCE = """package bench;

import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

public class Cold implements Function<RequestEntity<?>, ResponseEntity<?>> {
    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context) {
        return ResponseEntity.ok("co" + "ld".repeat(request.getHeaders().size() > 0 ? 1 : 2));
    }
}
"""


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    case = libcold.Case(
        "jvm",
        "fission/jvm-env",
        "jvm",
        "bench.Cold",
        b"cold",
        make=_make,
        make_environment=("--keeparchive",),
    )
    return libcold.run(case)


def _make(folder: pathlib.Path) -> pathlib.Path:
    source = folder / "source" / "bench" / "Cold.java"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    javac.compile_folder(folder / "source", folder / "classes")
    javac.pack(folder / "classes", folder / "cold.jar")
    return folder / "cold.jar"
