"""``fission environment``: images that run and build one language."""
