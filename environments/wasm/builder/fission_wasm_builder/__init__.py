"""Builds WebAssembly packages: a source folder or file becomes a folder of modules.

- ``picking``: what the source holds decides what is done; pure;
- ``compilers``: the commands that compile, and what is missing when one is;
- ``checking``: what was built is held against what the runtime takes;
- ``main``: the commands ``build`` and ``check-module FILE``.

Which imports a module may have is ``fission_wasm.modules``, the runtime's own.
"""
