"""Turns source archives into deployment archives.

Owns: builder Deployments and Services, the download cache's claim, the builders' account and keys
in each namespace, the build cache's ConfigMaps; of a Package its status, its ``spec.deployment``
where it was built, and ``fission.io/built-with``; of a Function ``packageref.resourceversion``.
Reads: Environments, Packages, Functions, builder Pods. Writes: what it owns, and Events. Serves:
health and metrics. Calls: the Kubernetes API, the fetcher and the builder of a builder pod, and
storagesvc.

It never touches an archive's bytes, and keeps nothing that cannot be rebuilt: the Package is the
only memory of a build. Started again it takes a package that it finds ``running`` up once more.
"""
