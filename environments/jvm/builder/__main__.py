"""Runs the build: this folder is what the interpreter is given."""

import sys

from fission_jvm_builder import main

sys.exit(main.main(sys.argv[1:]))
