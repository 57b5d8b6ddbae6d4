"""Runs the builder's commands: this folder is what the interpreter is given."""

import sys

from fission_python_builder import main

sys.exit(main.main(sys.argv[1:]))
