"""Mqtrigger: calls a function for each message of a topic."""
