"""``fission spec``: an application kept as files."""
