"""Functions with a Deployment of their own: what newdeploy and container have in common.

Decide, without I/O: ``objects`` (names, Service, autoscaler), ``plan`` (the writes towards them),
``scaling`` (how many pods), ``readiness`` (up, coming, or stuck and why). Act: ``manager`` answers
the router and keeps the waiting, ``reconciler`` makes the objects what they should be. Memory holds
who waits and when a function was last used, nothing else: a restart goes on from the objects.
"""
