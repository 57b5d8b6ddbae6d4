"""The embedded cluster: a small Kubernetes for one machine; does not know serverless exists.

- ``supervisor``: holds the home and the host ports, keeps the next two alive;
- ``apiserver`` on ``storage``: the Kubernetes API; the only one that touches the store;
- ``reconcilers`` and ``scheduler``: run beside it, as clients of it;
- ``kubelet``: pods as confined processes of this machine.

The rooms meet through the API alone and never import one another. What differs from a real cluster
is mended here or refused by name; nothing outside asks which of the two it runs on.
"""
