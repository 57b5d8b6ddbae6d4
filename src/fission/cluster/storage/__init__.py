"""The embedded cluster's memory: one append-only revision log on SQLite, and its current state.

Storeys: ``log`` (the table: one writer thread, one reader thread) < ``store`` (what is current,
atomic writes, lists) with ``broadcast`` (watchers) and ``compaction``. Knows keys, revisions and
JSON objects with ``metadata.resourceVersion``; nothing else of Kubernetes. Only the API server
uses it.
"""
