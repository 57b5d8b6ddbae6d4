"""The client side of the Kubernetes API, for any cluster and any kind.

Owns: credentials (``config``), the client, reflector and informer, the work queue and the reconcile
loop, actions and their application, the event recorder, leader election, peers and waits.
Objects travel as plain dictionaries in wire form; errors are those of ``meta.status``.

It is generic: it knows no kind of ours, and nothing here tells the embedded cluster from another.
Deciding is pure (``requests``, ``workqueue``, ``actions``, ``leases.plan``), acting is thin
(``client``, ``reflector``, ``apply``). Importing ``kube.client`` is cheap: TLS and kubeconfig
machinery load only where credentials ask for them.
"""
