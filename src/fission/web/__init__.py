"""Services' HTTP: lean services and clients for components, health, metrics, request ids, sockets.

Alone in turning errors into status codes. Knows nothing of functions or of our kinds; how calls
are signed comes in as callables, so that the rules of signing stay with the contracts. `service`
and `client` serve the hot paths; `asgi` runs Starlette applications where features count more.
"""
