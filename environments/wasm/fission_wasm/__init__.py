"""The WebAssembly runtime server: loads one module, then runs a fresh instance for every request.

Speaks the runtime protocol of Fission environments, versions 1 to 3, on the port named
``http-env``. Needs wasmtime and the ``fission_http`` package, nothing else of the platform.

- ``modules``: what a package must hold, what a module may import, and the words for what is wrong;
  the builder asks the same module;
- ``engines``: how code is compiled, twice: at once for the first request, well for the rest;
- ``calls``: one call: its deadline, its limits, its output, how it ended;
- ``commands``: modules: one request, one instance, standard streams;
- ``components``: the same for components, with ``wasi:http``;
- ``programs``: which of both it is, and how well it is compiled;
- ``cgi``: a request becomes variables, standard output becomes an answer; pure;
- ``waiting``: clocks and sleeping of a module, which end when its request does;
- ``functions``: a loaded module and the threads that its calls run in;
- ``rehearsal``: a first call before the first call;
- ``server``: the protocol itself; ``__main__`` and ``server.main`` start it.
"""
