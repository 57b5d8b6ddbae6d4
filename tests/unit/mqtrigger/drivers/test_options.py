"""What a trigger says about its broker, and what is said when it is wrong."""

from __future__ import annotations

import ssl

import pytest

from fission.mqtrigger.drivers import base, lanes, options, tls
from tests.support import certificates


def read(metadata: dict[str, str], secret: dict[str, bytes] | None = None) -> options.Options:
    return options.Options(base.Settings("kafka", "", metadata, secret or {}))


def test_the_secret_wins_and_space_around_values_does_not_count() -> None:
    found = read({"host": "one", "port": " 6 "}, {"host": b"two\n"})
    assert (found.text("host"), found.text("port"), found.text("other")) == ("two", "6", "")
    assert found.text("other", "host") == "two"


def test_errors_name_key_value_and_what_is_allowed() -> None:
    found = read(
        {"sasl": "gssapi", "prefetch": "many"}, {"tls": b"yes", "ca": b"x", "user": b"\xff"}
    )
    with pytest.raises(base.Misconfigured, match=r"spec\.metadata\.sasl: 'gssapi' found, .* none"):
        found.choice("sasl", ("none", "plaintext"), "none")
    with pytest.raises(base.Misconfigured, match=r"spec\.metadata\.prefetch: 'many'.* 1 to 5"):
        found.number("prefetch", 1, 5, 2)
    with pytest.raises(base.Misconfigured, match=r"^secret key tls: allowed are enable"):
        found.flag("tls")
    with pytest.raises(base.Misconfigured, match=r"secret key ca or caCert: not a PEM"):
        found.pem("ca", "caCert")
    with pytest.raises(base.Misconfigured, match=r"secret key user: not UTF-8"):
        found.text("user")
    with pytest.raises(base.Misconfigured, match=r"spec\.metadata\.address \(or host\) is missing"):
        found.required("address", "host", example="a:1")


def test_a_second_name_of_the_topic_has_to_be_the_same() -> None:
    found = read({"queueName": "a"})
    found.same("a", "queueName", "other")
    with pytest.raises(base.Misconfigured, match=r"spec\.metadata\.queueName is 'a'"):
        found.same("b", "queueName")


@pytest.mark.parametrize(
    ("wanted", "key", "lane"),
    [("key", "k", "k"), ("key", "", ""), ("none", "k", ""), ("topic", "k", "topic")],
)
def test_order_becomes_a_lane(wanted: str, key: str, lane: str) -> None:
    assert lanes.lane(lanes.order(read({"order": wanted})), key) == lane


def test_a_context_of_pem_documents() -> None:
    authority = certificates.Authority("the authority")
    client = authority.client("a client")
    secret = {"ca": authority.certificate, "cert": client.certificate, "key": client.key}
    found = read({}, secret)
    assert tls.wanted(found)
    made = tls.context(found)
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert len(made.get_ca_certs()) == 1
    assert not tls.wanted(read({"tls": "disable"}, {"caCert": authority.certificate}))


def test_a_certificate_wants_its_key() -> None:
    client = certificates.Authority("the authority").client("a client")
    other = certificates.Authority("another").client("another")
    with pytest.raises(base.Misconfigured, match="give both or neither"):
        tls.context(read({}, {"userCert": client.certificate}))
    with pytest.raises(base.Misconfigured, match="not usable as certificates"):
        tls.context(read({}, {"cert": client.certificate, "key": other.key}))
