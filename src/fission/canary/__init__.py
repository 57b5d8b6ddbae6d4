"""Canary: moves a trigger's traffic from one function to another while it watches failures."""
