"""The embedded Kubernetes API server.

Owns every write to the store, the certificate authority and the keys of tokens. Serves discovery,
CRUD, lists, watches, patches and the few subresources that real clients need; what it does not
serve it refuses by name. ``app`` wires the parts, ``hooks`` says how the parts that are not the
core (authentication, RBAC, custom resources, protobuf, OpenAPI, proxies) plug in. Never imports the
client side (``kube``), reconcilers, the scheduler or the kubelet.
"""
