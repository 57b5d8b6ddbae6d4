"""Slow housekeeping: nodes that fell silent, ended pods, old Events."""
