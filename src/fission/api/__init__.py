"""Our kinds: what their fields are called, which values they may have and what an empty one means.

Four modules per kind answer four questions: ``<kind>_types`` (which fields), ``_defaults`` (what
an absent value stands for), ``_validation`` (what is refused) and ``_lifecycle`` (which conditions
its status goes through). ``labels`` has every key that is written on objects, ``resources`` the
kinds' places in the API, ``objects`` decoding and encoding. ``crds/`` is generated from the types.
Nothing here performs I/O.
"""
