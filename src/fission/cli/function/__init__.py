"""``fission function``: code, how it runs, what it answers and prints."""
