"""Small npm packages as .tgz files, lock files that name them, and a registry that has them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Packed:
    """One package."""

    name: str
    manifest: Mapping[str, Any]
    integrity: str


@dataclass
class Shelf:
    """A folder of packages."""

    folder: pathlib.Path
    packages: dict[str, Packed] = field(default_factory=dict)

    def add(self, name: str, files: Mapping[str, str], **manifest: Any) -> None:
        whole = {"name": name, "version": "1.0.0", **manifest}
        content = {"package.json": json.dumps(whole), **files}
        path = self.folder / f"{name.replace('/', '-')}-1.0.0.tgz"
        self.folder.mkdir(exist_ok=True)
        with tarfile.open(path, "w:gz") as archive:
            for file, text in content.items():
                member = tarfile.TarInfo(f"package/{file}")
                member.size, member.mode = len(text.encode()), 0o755
                archive.addfile(member, io.BytesIO(text.encode()))
        digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        self.packages[name] = Packed(name, whole, f"sha512-{digest}")

    def lock(self, manifest: Mapping[str, Any], development: Sequence[str] = ()) -> str:
        """A package-lock.json in which every package of the shelf lies at the top."""
        entries: dict[str, Any] = {"": dict(manifest)}
        for name, packed in self.packages.items():
            entries[f"node_modules/{name}"] = {
                "version": "1.0.0",
                "integrity": packed.integrity,
                **({"dev": True} if name in development else {}),
                **{
                    key: packed.manifest[key]
                    for key in ("bin", "dependencies")
                    if key in packed.manifest
                },
            }
        whole = {"name": manifest.get("name", ""), "lockfileVersion": 3, "requires": True}
        return json.dumps({**whole, "packages": entries})

    @contextlib.contextmanager
    def registry(self) -> Iterator[str]:
        """Serve the packages as a registry does; yields its URL."""
        shelf = self

        class Registry(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = shelf.answer(self.path.lstrip("/"), f"http://{self.headers['Host']}")
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()

    def answer(self, path: str, base: str) -> bytes | None:
        if path.endswith(".tgz"):
            return (self.folder / path).read_bytes()
        packed = self.packages.get(path)
        if packed is None:
            return None
        place = {"tarball": f"{base}/{path}-1.0.0.tgz", "integrity": packed.integrity}
        version = {**packed.manifest, "dist": place}
        return json.dumps(
            {"name": path, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        ).encode()
