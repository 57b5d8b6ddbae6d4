"""The root process of a home: locks it, holds the host ports, keeps API server and kubelet alive.

Owns the home's lock, `state.json`, the listening sockets of the host ports and of the API
server, and the control socket. Reads `cluster.json`. Standard library only: it must start when
everything else is broken, and `fission status` asks it when the API is down.

It never talks to the Kubernetes API, never signals a process it has not recorded with its start
time, and ties no process's life to its own: killed, it leaves the cluster serving, and its
successor (`takeover`) collects sockets and processes.
"""
