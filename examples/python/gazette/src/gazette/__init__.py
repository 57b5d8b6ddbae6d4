"""Markdown in, a page out."""
