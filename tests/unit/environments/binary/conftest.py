"""The runtime's modules, as its image finds them."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[4] / "environments" / "binary"))
