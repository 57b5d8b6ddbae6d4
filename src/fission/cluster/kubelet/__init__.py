"""Turns the pods of one node into processes of this machine, and their fate into pod status.

Owns the Node and its Lease, the status of its pods, their addresses, volumes and log files; reads
Pods, Secrets, ConfigMaps, Services and PersistentVolumeClaims. Speaks to the cluster only through
the Kubernetes API, and starts every process through a spawner (`zygote`), which outlives it.

`podstate` decides what happens to a pod; `pod_worker` carries it out. It must never end a process
that it cannot identify by pid, start time and boot id, and never keep a function pod's socket.
"""
