"""The runtime's and the builder's modules are outside of the packages that tests know."""

import pathlib
import sys

ENVIRONMENT = pathlib.Path(__file__).parents[4] / "environments" / "wasm"
sys.path += [str(ENVIRONMENT), str(ENVIRONMENT / "builder")]
