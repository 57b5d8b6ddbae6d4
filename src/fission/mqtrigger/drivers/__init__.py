"""Message queues behind one small interface.

``base`` says what a driver promises, ``registry`` which there are. Each driver imports its library
only when a trigger asks for it, knows nothing of functions, and is held to the promises in
``tests/conformance/message_queue``.
"""
