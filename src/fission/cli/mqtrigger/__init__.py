"""``fission mqtrigger``: functions called for the messages of a topic."""
