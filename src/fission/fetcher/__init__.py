"""Beside every runtime and builder: brings code and settings in, and has the runtime load them.

Owns: what lies in a pod's shared directory, ``/secrets`` and ``/configs``, and the claim by which a
pod belongs to one function. Reads: Packages (only when the request does not say where the archive
is), Secrets and ConfigMaps. Writes: Events about websockets. Serves: ``contracts.fetcher``. Calls:
storagesvc and other hosts of archives, and the runtime server of its own pod.

The same program runs once per pod, or once per node for many pods (``node``). It never runs user
code, and never follows a link that user code may have planted (``volume``).
"""
