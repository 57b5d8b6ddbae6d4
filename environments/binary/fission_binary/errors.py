"""What keeps a program from being run, in words for whoever deploys it."""


class LoadError(Exception):
    """The package cannot be run; the message names file, reason and remedy."""
