"""``fission token``: the way into a router that asks for tokens."""
