"""Runs build commands, inside a builder pod.

Owns: the sources and artifacts in the pod's shared directory while a build of them runs, and every
process that a build starts. Reads and writes nothing else; needs no API, no rights and no root.
Serves: ``contracts.builder``, for buildermgr. Calls nobody: the fetcher beside it brings sources
and takes artifacts away.

It ships in images of every language, so it imports little: the lean server and the messages.
"""
