"""What one would wish for in the standard library; knows nothing of Kubernetes or functions.

``errors`` the root of ours · ``settings`` environment → dataclass · ``clock``, ``ids``, ``backoff``
what is passed in so that deciding stays pure · ``tasks`` owners of tasks · ``singleflight``,
``ttlcache`` · ``archives`` safe unpacking · ``podenv`` what a container is told · ``logs``.
"""
