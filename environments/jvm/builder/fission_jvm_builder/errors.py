"""What ends a build: a sentence for the person whose package it is."""


class BuildError(Exception):
    """The package cannot be built as it is; the message names the file or variable and a remedy."""
