"""Kubewatcher: calls a function when objects of a namespace change."""
