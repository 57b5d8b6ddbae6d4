"""The builder's modules are outside of the packages that tests know."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[4] / "environments" / "jvm" / "builder"))
