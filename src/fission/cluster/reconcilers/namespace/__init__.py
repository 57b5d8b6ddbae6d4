"""Namespaces: what each has from the start, and emptying those that are deleted."""
