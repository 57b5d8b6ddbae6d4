"""Custom resources: definitions, their schemas, and what admission does to each object.

A definition is checked (``definition``), its schema parsed once (``structural``) and compiled
(``validation``, ``rules``). ``admission`` runs an object through prune → default → schema → list
types → CEL. ``registry`` follows the definitions in the store, keeps their conditions and says
which resources are served. Nothing here speaks HTTP.
"""
