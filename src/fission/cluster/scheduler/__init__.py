"""The embedded cluster's scheduler: binds each pending pod to a node that it fits on.

``facts`` keeps of pods and nodes only what the decision needs, ``fit`` decides purely, ``binder``
acts. Writes bindings and the condition of pods that fit nowhere. Driven by watch events: a pod is
bound a few milliseconds after it was created. It talks to the API alone, through ``kube.client``,
and knows neither store, API server nor reconcilers.
"""
