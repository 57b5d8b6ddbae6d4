"""One module per kind: its defaults, its validation, what may change, what selectors may ask.

A strategy is stateless and pure but for ``Surroundings`` (other objects, clock). It changes the
object it is given, which is its own copy, and returns causes instead of raising.
"""
