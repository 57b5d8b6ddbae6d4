"""Component-to-component HTTP: one module per wire with its paths, messages, encode and decode.

Both sides of a wire import the same page, so neither imports the other. Nothing here performs
I/O. JSON follows Go's encoding/json, which is at the other end of some of these wires: field
names match in any case, unknown fields are ignored, ``null`` is absent, bytes are base64.
"""
