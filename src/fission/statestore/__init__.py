"""Statestore: values, event streams and work queues that survive, without any broker.

Owns: one SQLite file; every answer that acknowledges a write comes after its commit is on disk.
State: that file, and who waits for news of it. Calls nobody, not even the Kubernetes API. Knows
nothing of functions and triggers: what a topic, a consumer or a retry is, its callers decide.
"""
