"""``fission completion``: commands, flags and names of live objects, completed in a shell."""
