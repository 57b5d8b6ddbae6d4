"""Confinement of one process and all that descends from it, in the words of the Linux kernel.

The only importer of the Landlock and seccomp libraries. ``policy`` says what may be asked for,
``probe`` what this host can give; ``spaces`` and ``rootfs`` prepare a spawner once, ``enter`` takes
a forked child through every step in order, and ``kernel``, ``landlock``, ``syscallfilter``,
``limits`` and ``cgroups`` each speak to one facility. Single-threaded callers only: the kernel
refuses namespaces to others. Standard library and those two libraries, nothing else of ours.
"""
