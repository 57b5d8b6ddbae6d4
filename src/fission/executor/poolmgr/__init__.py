"""Generic pods, one pool per environment: choose, claim, specialize, record, give back.

Decide, without I/O: ``pool`` (which pod for whom), ``poolplan`` (what a pool should be), ``pods``
(what becomes of a specialized pod), ``resources`` (the objects). Act: ``manager`` answers the
router, ``specialize`` takes one pod from generic to serving, ``fetchers`` calls, ``records`` writes
labels behind the answer, ``reaper`` gives idle pods back, and the two reconcilers keep pools and
pods as they should be. A pod belongs to one function for good.
"""
