"""Keys of NATS in their text form."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from fission.mqtrigger.drivers import nkeys

# A pair of the documentation of NATS.
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def test_a_known_pair() -> None:
    assert nkeys.public(SEED) == PUBLIC


def test_a_signature_is_of_the_seed() -> None:
    raw = bytes(range(32))
    seed = nkeys.seed(raw)
    assert seed.startswith("SU")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(raw).public_key()
    key.verify(base64.b64decode(nkeys.sign(seed, "nonce")), b"nonce")


@pytest.mark.parametrize("text", ["", "SU", PUBLIC, SEED[:-1] + "A", "not base32!"])
def test_what_is_no_seed(text: str) -> None:
    with pytest.raises(nkeys.BadKey):
        nkeys.public(text)


def test_a_credentials_file() -> None:
    text = (
        "-----BEGIN NATS USER JWT-----\neyJ0.abc\n------END NATS USER JWT------\n\nIMPORTANT\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    )
    assert nkeys.credentials(text) == ("eyJ0.abc", SEED)
    with pytest.raises(nkeys.BadKey, match="USER NKEY SEED"):
        nkeys.credentials(text[: text.index("IMPORTANT")])
