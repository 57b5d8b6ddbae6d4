"""Protobuf request bodies, read only: what kubectl sends for ``create <kind>`` and ``auth``.

Answers are always JSON, which every client accepts; so nothing here encodes. ``wire`` reads the
wire format, ``messages`` knows the field tables, ``decoding`` turns an envelope into an object.
"""
