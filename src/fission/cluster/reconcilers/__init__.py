"""The embedded cluster's reconcilers: what a Kubernetes controller manager does, as far as needed.

One folder for each kind: ``plan`` decides purely from objects to exactly the actions;
``reconciler`` observes from shared informers, applies the plan and tells Events. Everything goes
through the API by ``kube.client``: no reconciler knows the store or the API server. ``run`` wires
them together.

Level-triggered: any step may run twice or be interrupted, and looks only at what is.
"""
