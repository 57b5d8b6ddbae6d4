"""Runs a runtime or a build of an image on this machine, without a platform.

For ``fission fn run-local``, which may not know of images: it starts this package as a program.
Nothing is confined here: it is the person's own code on the person's own machine.
"""
