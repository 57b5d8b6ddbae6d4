"""Who owns which field: the sets, merges and conflicts of server-side apply. Pure.

An object is tracked from its first server-side apply on; until then it has no ``managedFields``,
which upstream's rules know as well: what stands there then belongs to ``before-first-apply``.
"""
