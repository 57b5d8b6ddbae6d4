"""Archives by id: what is too large to stand inside a Package.

Owns: the archives below its base directory (later: in a bucket). Reads: Packages, to learn which
archives are still in use. Writes: no object. Serves: ``/v1/archive`` and ``/healthz`` of
``contracts.storage``. Calls: the Kubernetes API, for pruning only.

An archive appears under its id complete and on stable storage, or not at all; it never changes. It
is removed on request or when no Package refers to it. This component never looks inside one.
"""
