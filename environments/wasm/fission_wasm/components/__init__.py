"""Components: programs that export ``wasi:http/incoming-handler`` or ``wasi:cli/run``.

wasmtime's C interface links WASI 0.2 and HTTP requests *out*, but has no way to hand a component a
request *in*. So the interface ``wasi:http/types`` is ours, in Python, and everything else is
wasmtime's. The streams of bodies are wasmtime's too: standard input and output of the call.

- ``values``: the component model's values ↔ Python's, without the binding's conversions, which
  share state between threads;
- ``hosting``: Python functions in a linker;
- ``streams``: a small component that hands out wasmtime's streams and clocks to us;
- ``exchanges``: ``wasi:http/types`` over one exchange of request and answer;
- ``programs``: which components are taken, and how one is run; sleeping that ends with its call.
"""
