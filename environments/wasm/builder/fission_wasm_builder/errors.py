"""Why a build failed, in words for the person whose source it is."""


class BuildError(Exception):
    """The source cannot be built; the text names the file and what to do."""
