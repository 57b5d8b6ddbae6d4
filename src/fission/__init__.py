"""Fission: a serverless platform for one machine or for Kubernetes.

Storeys, lowest first: ``base``, ``meta``, ``api``, ``contracts``, ``web``, ``kube``, then the
components, ``cluster`` (the embedded Kubernetes), ``cli`` and ``bundle``. ``ARCHITECTURE.md`` has
a paragraph on each; ``.importlinter`` holds the rules.
"""

__version__ = "0.1.0"
