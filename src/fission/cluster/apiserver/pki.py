"""Certificates and keys of one home: the CA, the server's certificate, the token signing key.

``ensure`` is idempotent: it makes what is missing, and a new server certificate when the present
one is near its end, lacks a name, or is from another CA. Keys are P-256, files are 0600 in a 0700
folder, and each is written whole or not at all. It also keeps the administrator's token, which
only this machine's user can read, and writes the kubeconfig.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
import pathlib
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid

SERVER_NAMES = (
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
"""What clients may call the server; further hosts come from the configuration."""

CA_LIFETIME = datetime.timedelta(days=3650)
SERVER_LIFETIME = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=60)
_CLOCK_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Pki:
    """Where the files are."""

    folder: pathlib.Path

    @property
    def ca_certificate(self) -> pathlib.Path:
        return self.folder / "ca.crt"

    @property
    def ca_key(self) -> pathlib.Path:
        return self.folder / "ca.key"

    @property
    def server_certificate(self) -> pathlib.Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> pathlib.Path:
        return self.folder / "server.key"

    @property
    def signing_key(self) -> pathlib.Path:
        return self.folder / "tokens.key"

    @property
    def admin_token_file(self) -> pathlib.Path:
        return self.folder / "admin.token"

    def admin_token(self) -> str:
        return self.admin_token_file.read_text("ascii").strip()


def ensure(folder: pathlib.Path, now: datetime.datetime, hosts: Sequence[str] = ()) -> Pki:
    """Make or renew what is missing in ``folder`` and return where everything is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki = Pki(folder)
    if not (pki.ca_certificate.exists() and pki.ca_key.exists()):
        _make_ca(pki, now)
    names = tuple(dict.fromkeys((*SERVER_NAMES, *hosts)))
    if not _is_server_certificate_good(pki, now, names):
        _make_server_certificate(pki, now, names)
    if not pki.signing_key.exists():
        write_private(pki.signing_key, _private_pem(ec.generate_private_key(ec.SECP256R1())))
    if not pki.admin_token_file.exists():
        write_private(pki.admin_token_file, secrets.token_urlsafe(32).encode())
    return pki


def make_kubeconfig(pki: Pki, server_url: str, name: str = "fission") -> str:
    """The administrator's kubeconfig for ``server_url``, self-contained."""
    authority = base64.b64encode(pki.ca_certificate.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server_url, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": name, "user": {"token": pki.admin_token()}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "preferences": {},
    }
    return yaml.safe_dump(config, sort_keys=False)


def write_kubeconfig(path: pathlib.Path, pki: Pki, server_url: str, name: str = "fission") -> None:
    """Write it (0600), leaving the file alone when it says the same already."""
    content = make_kubeconfig(pki, server_url, name).encode()
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


def write_private(path: pathlib.Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise


def _make_ca(pki: Pki, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, "fission-embedded-ca")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(pki.ca_key, _private_pem(key))
    write_private(pki.ca_certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _make_server_certificate(pki: Pki, now: datetime.datetime, names: Sequence[str]) -> None:
    authority = x509.load_pem_x509_certificate(pki.ca_certificate.read_bytes())
    authority_key = serialization.load_pem_private_key(pki.ca_key.read_bytes(), password=None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, "kube-apiserver")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False
        )
        .sign(authority_key, hashes.SHA256())
    )
    write_private(pki.server_key, _private_pem(key))
    write_private(pki.server_certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _is_server_certificate_good(pki: Pki, now: datetime.datetime, names: Sequence[str]) -> bool:
    if not (pki.server_certificate.exists() and pki.server_key.exists()):
        return False
    try:
        certificate = x509.load_pem_x509_certificate(pki.server_certificate.read_bytes())
        authority = x509.load_pem_x509_certificate(pki.ca_certificate.read_bytes())
        certificate.verify_directly_issued_by(authority)
        key = serialization.load_pem_private_key(pki.server_key.read_bytes(), password=None)
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # whatever is wrong with a file that we made: make another
        return False
    return (
        certificate.not_valid_after_utc - RENEW_BEFORE > now >= certificate.not_valid_before_utc
        and certificate.public_key() == key.public_key()
        and all(_general_name(name) in known for name in names)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
