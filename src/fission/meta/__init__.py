"""Rules of Kubernetes objects: pure, shared by the client side and by the embedded API server.

``gvk`` resources and their paths · ``objectmeta``, ``labels``, ``names`` metadata · ``selectors``,
``patch``, ``quantity``, ``conditions``, ``watch`` the small languages of the API · ``status`` its
errors · ``podports`` the port on which a pod really listens. True of any kind: no word of ours.
"""
