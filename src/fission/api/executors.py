"""The words for who runs a function; light, for those that need no more of the types than these."""

from typing import Final

POOLMGR: Final = "poolmgr"
NEWDEPLOY: Final = "newdeploy"
CONTAINER: Final = "container"
TYPES: Final = (POOLMGR, NEWDEPLOY, CONTAINER)
