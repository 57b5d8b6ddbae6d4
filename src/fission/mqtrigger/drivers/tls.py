"""TLS towards a broker: from PEM documents in a Secret to a context, keys never in a file system.

Secret keys are KEDA's ``ca``, ``cert``, ``key``, ``keyPassword`` or, as upstream's kind fission
has them, ``caCert``, ``userCert``, ``userKey``.
"""

import contextlib
import os
import ssl
from collections.abc import Iterator

from fission.mqtrigger.drivers import base, options


def context(read: options.Options) -> ssl.SSLContext:
    """The server is verified against the Secret's authority, else the system's; a client
    certificate is shown when there is one. ``unsafeSsl`` (KEDA's name) skips verification."""
    authority = read.pem("ca", "caCert")
    certificate = read.pem("cert", "userCert")
    key = read.pem("key", "userKey")
    if bool(certificate) != bool(key):
        raise base.Misconfigured(
            "secret keys cert and key (or userCert and userKey): give both or neither"
        )
    try:
        made = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if certificate:
            with _in_memory(certificate) as chain, _in_memory(key) as secret:
                made.load_cert_chain(chain, secret, read.text("keyPassword") or "")
    except (ssl.SSLError, ValueError) as error:
        raise base.Misconfigured(
            f"secret keys ca, cert, key: not usable as certificates: {error}"
        ) from error
    if read.flag("unsafeSsl"):
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def wanted(read: options.Options) -> bool:
    """Whether ``tls`` asks for it, or a certificate in the Secret does."""
    given = bool(read.text("ca", "caCert", "cert", "userCert"))
    return read.flag("tls", "enableTLS", default=given)


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can read and nobody else: a file without a name."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def refusal(error: BaseException) -> base.DriverError | None:
    """The error for a handshake that failed, None if ``error`` comes from something else."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return base.Unauthorized(
                f"the broker's certificate is not trusted ({seen.verify_message}): put its "
                "authority under key ca into the Secret of spec.secret"
            )
        if isinstance(seen, ssl.SSLError):
            return base.Unauthorized(
                f"TLS with the broker failed ({seen.reason}): does it speak TLS on this port, and "
                "does it want a client certificate (secret keys cert and key)?"
            )
        seen = seen.__cause__ or seen.__context__
    return None
