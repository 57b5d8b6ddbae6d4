"""Lean HTTP/1.1 for hot paths: a strict head scanner, body framing, an asyncio server and client.

Standard library only (uvloop and httptools are welcome but never required), and nothing of the
platform, so that a language runtime can carry the folder into any image. `head` and `body` do no
I/O and hold all the rules; `server` and `client` move bytes. What is ambiguous is refused.
"""
