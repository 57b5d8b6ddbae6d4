"""The Python runtime server: loads one function when the platform specializes it, then serves it.

Speaks the runtime protocol of Fission environments, versions 1 to 3, on the port named
``http-env``. Needs Flask and the ``fission_http`` package, nothing else of the platform.

- ``loader``: entry point text + code on disk → a Python object, or an error for its owner;
- ``calling``: which of the accepted shapes that object has, and how each is called;
- ``wsgi``, ``asgi``: the two standard application interfaces;
- ``rehearsal``: a first call before the first call, so that nobody waits for what is slow once;
- ``server``: the protocol itself; ``__main__`` and ``server.main`` start it.
"""
