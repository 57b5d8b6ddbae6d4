"""``fission package``: archives of source and deployable code."""
