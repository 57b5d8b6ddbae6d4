"""Fork servers: one spawner per image starts, holds and reports containers.

``messages`` are the words that both ends use; ``wire`` moves them, with file descriptors, over a
sequenced-packet socket. The spawner's side (``__main__``, ``spawner``, ``child``, ``preload``) is a
single-threaded program without an event loop that needs only the standard library and ``sandbox``;
``client`` is the kubelet's asyncio end. Pods outlive their kubelet because a spawner does: a
kubelet that comes back attaches and asks for the list.
"""
