import hashlib

import pytest

from fission.contracts import controller

SUM = hashlib.sha256(b"hello").hexdigest()


def test_a_digest_is_written_as_rfc_9530_says():
    header = controller.format_digest(SUM)

    assert header == "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
    assert controller.parse_digest(header) == SUM
    assert controller.parse_digest(f"md5=:AAAA:, {header}") == SUM


@pytest.mark.parametrize(
    "header",
    ["", "sha-256", "sha-256=", "sha-256=:", "sha-256=::", "sha-256=:?:", "sha-512=:AA==:"],
)
def test_what_is_no_digest_is_none(header):
    assert controller.parse_digest(header) == ""
