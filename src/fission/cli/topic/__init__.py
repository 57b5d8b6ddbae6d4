"""``fission topic``: events of the built-in queue."""
