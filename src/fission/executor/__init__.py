"""Gives a function an address.

Owns: pool Deployments and headless function Services, the labels and annotations that turn a
generic pod into a function's pod, the Function's conditions. Reads: Functions, Environments,
Packages, Secrets' and ConfigMaps' names, Pods, Deployments, Services. Writes: what it owns, the
fetchers' account and keys in each function namespace, Events. Serves: the HTTP API of
``contracts.executor``, for routers. Calls: the Kubernetes API and the fetcher of a generic pod.

It never forwards a request to a function, never reads an archive, and keeps nothing that cannot be
rebuilt from labels, annotations and the fetchers' claims.
"""
