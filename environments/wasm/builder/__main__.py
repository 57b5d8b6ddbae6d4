"""Runs the builder's commands: this folder is what the interpreter is given."""

import pathlib
import sys

# What a module may import is said once, beside the runtime.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from fission_wasm_builder import main

sys.exit(main.main(sys.argv[1:]))
