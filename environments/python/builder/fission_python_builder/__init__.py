"""Turns the source of a Python package into what the runtime loads: dependencies and byte-code.

Runs in the builder's pod as the command ``build``, by the interpreter that the runtime has too.
Reads ``SRC_PKG`` and writes ``DEPLOY_PKG``; imports the standard library alone.
"""
