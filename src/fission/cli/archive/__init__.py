"""``fission archive``: files in storagesvc."""
