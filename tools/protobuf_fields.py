"""Write the API server's protobuf field tables from the descriptors inside a kubectl binary.

    python tools/protobuf_fields.py "$(command -v kubectl)" \
        > src/fission/cluster/apiserver/protobuf/messages.txt

Go's generated code embeds each file's gzipped FileDescriptorProto. Only messages that the kinds of
``decoding.KINDS`` reach are written, one a line; the notation is explained in ``messages.py``.
"""

from __future__ import annotations

import pathlib
import re
import sys
import textwrap
import zlib
from typing import Any

from fission.cluster.apiserver.protobuf import decoding, wire

_GZIP = re.compile(rb"\x1f\x8b\x08\x00")
_SCALARS = {1: "d", 3: "i", 4: "i", 5: "i", 8: "b", 9: "s", 12: "y", 13: "i"}
_MESSAGE, _REPEATED = 11, 3


def _read(data: bytes) -> dict[int, list[Any]]:
    fields: dict[int, list[Any]] = {}
    for number, value in wire.iter_fields(data):
        fields.setdefault(number, []).append(value)
    return fields


def _short(name: str) -> str:
    name = name.lstrip(".")
    for prefix in ("k8s.io.apimachinery.pkg.apis.", "k8s.io.apimachinery.pkg.", "k8s.io.api."):
        name = name.removeprefix(prefix)
    return name


def _descriptors(binary: bytes) -> list[bytes]:
    found = []
    for match in _GZIP.finditer(binary):
        try:
            text = zlib.decompressobj(31).decompress(
                binary[match.start() : match.start() + 400_000]
            )
        except zlib.error:
            continue
        if text[:1] == b"\n" and text[2 : 2 + text[1]].endswith(b"generated.proto"):
            found.append(text)
    return found


def _messages(descriptor: bytes) -> dict[str, list[tuple[int, str, str]]]:
    file = _read(descriptor)
    package = file[2][0].decode()
    messages: dict[str, list[tuple[int, str, str]]] = {}
    for raw in file.get(4, []):
        message = _read(raw)
        name = f"{package}.{message[1][0].decode()}"
        entries = {}
        for nested in message.get(3, []):
            entry = _read(nested)
            value = next(f for f in map(_read, entry[2]) if f[1][0] == b"value")
            entries[f".{name}.{entry[1][0].decode()}"] = _type(value)
        fields = []
        for field in map(_read, message.get(2, [])):
            kind = _type(field)
            target = "." + field[6][0].decode().lstrip(".") if 6 in field else ""
            if target in entries:
                kind = "%" + entries[target]
            elif field[4][0] == _REPEATED:
                kind = "*" + kind
            fields.append((field[3][0], field[1][0].decode(), kind))
        messages[_short(name)] = fields
    return messages


def _type(field: dict[int, list[Any]]) -> str:
    code = field[5][0]
    return _short(field[6][0].decode()) if code == _MESSAGE else _SCALARS[code]


def main(kubectl: str) -> None:
    messages: dict[str, list[tuple[int, str, str]]] = {}
    for descriptor in _descriptors(pathlib.Path(kubectl).read_bytes()):
        messages |= _messages(descriptor)
    wanted, queue = set(), [*decoding.KINDS.values(), *decoding.OPTIONS.values()]
    while queue:
        name = queue.pop()
        if name in wanted or name not in messages or name in decoding.SPECIAL:
            continue
        wanted.add(name)
        queue += [kind.lstrip("*%") for _, _, kind in messages[name]]
    for name in sorted(wanted):
        fields = " ".join(f"{n}:{field}:{kind}" for n, field, kind in sorted(messages[name]))
        print(name)
        for line in textwrap.wrap(fields, 96, break_long_words=False, break_on_hyphens=False):
            print("  " + line)


if __name__ == "__main__":
    main(sys.argv[1])
