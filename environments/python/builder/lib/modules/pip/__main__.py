"""Hands ``python3 -m pip`` over to the pip that is there, for this interpreter."""

import os
import sys

python = os.environ["FISSION_PYTHON"]
os.execv(python, [python, "-I", "-u", "-m", "pip", "--python", sys.executable, *sys.argv[1:]])
