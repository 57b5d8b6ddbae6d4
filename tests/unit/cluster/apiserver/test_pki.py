"""Certificates of a home: made once, renewed in time, and good enough for a TLS client."""

import datetime
import os
import pathlib
import ssl
import stat
import subprocess
import sys

import yaml
from cryptography import x509

from fission.cluster.apiserver import pki

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def names_of(path: pathlib.Path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_start_changes_nothing(tmp_path: pathlib.Path) -> None:
    pki.ensure(tmp_path / "pki", NOW)
    before = contents(tmp_path / "pki")

    pki.ensure(tmp_path / "pki", NOW + datetime.timedelta(days=200))

    assert contents(tmp_path / "pki") == before
    assert set(before) == {
        "ca.crt",
        "ca.key",
        "server.crt",
        "server.key",
        "tokens.key",
        "admin.token",
    }


def test_every_file_is_private(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path / "pki", NOW)

    assert stat.S_IMODE(os.stat(made.folder).st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()} == {0o600}


def test_the_server_certificate_names_the_ways_to_reach_it(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path, NOW)

    assert {"localhost", "127.0.0.1", "kubernetes.default", "kubernetes.default.svc"} <= set(
        names_of(made.server_certificate)
    )


def test_a_new_host_makes_a_new_server_certificate_under_the_same_ca(
    tmp_path: pathlib.Path,
) -> None:
    made = pki.ensure(tmp_path, NOW)
    authority = made.ca_certificate.read_bytes()

    pki.ensure(tmp_path, NOW, hosts=["192.0.2.7", "box.example.com"])

    assert {"192.0.2.7", "box.example.com"} <= set(names_of(made.server_certificate))
    assert made.ca_certificate.read_bytes() == authority


def test_a_server_certificate_is_renewed_before_its_end(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path, NOW)
    before = made.server_certificate.read_bytes()

    pki.ensure(tmp_path, NOW + datetime.timedelta(days=330))

    assert made.server_certificate.read_bytes() != before


def test_a_damaged_server_certificate_is_replaced(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path, NOW)
    made.server_certificate.write_text("not a certificate")

    pki.ensure(tmp_path, NOW)

    assert "127.0.0.1" in names_of(made.server_certificate)


def test_a_tls_client_that_trusts_the_ca_accepts_the_server(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path, datetime.datetime.now(datetime.UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server_certificate, made.server_key)
    client = ssl.create_default_context(cafile=str(made.ca_certificate))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    server_side = server.wrap_bio(to_server, to_client, server_side=True)

    finished: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
                finished.add(side)
            except ssl.SSLWantReadError:
                pass

    assert len(finished) == 2


def test_the_kubeconfig_holds_all_that_a_client_needs(tmp_path: pathlib.Path) -> None:
    made = pki.ensure(tmp_path / "pki", NOW)
    path = tmp_path / "kubeconfig"

    pki.write_kubeconfig(path, made, "https://127.0.0.1:16443")

    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:16443"
    assert config["users"][0]["user"]["token"] == made.admin_token()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_importing_the_module_reads_and_writes_nothing(tmp_path: pathlib.Path) -> None:
    subprocess.run(
        [sys.executable, "-c", "import fission.cluster.apiserver.pki"], cwd=tmp_path, check=True
    )
    assert list(tmp_path.iterdir()) == []
