"""What is needed for TLS to an API server, and the one context made from it.

``ssl`` is imported where a context is made: processes that speak over a unix socket never load it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fission.kube import errors

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Tls:
    """Trust and, where given, a client certificate; PEM texts or files of them."""

    ca_file: str | None = None
    ca_data: str | None = None
    insecure: bool = False
    cert_file: str | None = None
    cert_data: str | None = field(default=None, repr=False)
    key_file: str | None = None
    key_data: str | None = field(default=None, repr=False)

    def context(self) -> ssl.SSLContext:
        """Make the context; costs some milliseconds, so make it once per client."""
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca_file, cadata=self.ca_data)
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert_file or self.cert_data:
                with (
                    _as_file(self.cert_file, self.cert_data) as cert,
                    _as_file(self.key_file, self.key_data) as key,
                ):
                    context.load_cert_chain(cert, key)
        except (OSError, ValueError) as error:
            place = self.ca_file or self.cert_file or "the kubeconfig"
            raise errors.BadCredentials(
                f"certificates of {place} are not usable: {error}"
            ) from error
        context.set_alpn_protocols(["http/1.1"])
        return context


@contextlib.contextmanager
def _as_file(path: str | None, text: str | None) -> Iterator[str]:
    """``load_cert_chain`` reads files only: lend it one, readable by the owner."""
    if text is None:
        if path is None:
            raise ValueError("a client certificate needs both certificate and key")
        yield path
        return
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix="kube-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        yield name
    finally:
        os.unlink(name)
