"""The REST front door: Fission objects, uploads, logs and invocations for HTTP clients.

Owns: nothing. Reads and writes: the eight kinds, for its callers. Serves: ``contracts.controller``.
Calls: the Kubernetes API, storagesvc for archives, statestore for topics, the router's internal
listener for invocations.
Every request carries a bearer token; what its owner may do is asked of the API server. It must
never act on its own rights, decide what a reconciler decides, or keep state. Clients with
Kubernetes credentials do not need it.

``access`` who may do what · ``objects`` the eight kinds · ``forwarding`` to other components ·
``handlers`` requests → those · ``routes`` the table and its description.
"""
