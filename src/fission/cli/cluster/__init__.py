"""``fission up|down|status``: the platform on this machine, started as a process of its own."""
