"""The REST front door: Fission objects, uploads, logs and invocations for HTTP clients.

Owns no state. Reads and writes objects through the Kubernetes API, and passes archives, logs and
invocations on to storagesvc, the pods' logs and the router's internal listener. Every request
carries a bearer token; what its owner may do is asked of the API server each time, so that the
controller's own wide rights are nobody's back door. Clients with Kubernetes credentials do not
need it.

``access`` who may do what · ``objects`` the eight kinds · ``forwarding`` to other components ·
``handlers`` requests → those · ``routes`` the table and its description.
"""
