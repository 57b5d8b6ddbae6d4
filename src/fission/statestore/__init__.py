"""Statestore: the built-in durable queue, event log and key-value store, on SQLite."""
