"""Composition root: the only place that knows every part.

- ``serve``: runs one component as a process (``python -m fission.bundle.serve router``), in a
  container as in a pod of the embedded cluster;
- ``manifests/``: the objects that install the platform, the same for both modes; ``install``
  applies them and prunes what an older version left;
- ``images/``: what the embedded kubelet runs for the platform's own image names;
- ``background``: the reconcilers and the scheduler beside the embedded API server;
- ``embedded``: ``fission up``, ``down`` and ``status``.

Nothing imports this package.
"""
