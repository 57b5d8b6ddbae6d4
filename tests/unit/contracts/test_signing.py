import pytest

from fission.contracts import signing

MASTER = b"0123456789abcdef0123456789abcdef"
NOW = 1_715_000_000
KEY = signing.derive_key(MASTER, signing.STORAGESVC)


def signed(key=KEY, now=NOW, method="POST", target="/v1/archive", body=b"hello"):
    return dict(signing.headers(key, method, target, body, now))


def verify(headers, *, keys=None, method="POST", target="/v1/archive", body=b"hello", now=NOW):
    signing.verify(
        keys or signing.Keys(KEY),
        method,
        target,
        signing.body_hash(body),
        headers.get(signing.TIMESTAMP_HEADER),
        headers.get(signing.SIGNATURE_HEADER),
        now,
    )


def test_the_vectors_of_the_contract():
    assert KEY.hex() == "c403fc821df0c0125c6c9aeb96c2bfd4fea54a4dfe4cb159872749d71c8849e5"
    assert signing.derive_key(MASTER, "storagesvc", "ns1").hex() == (
        "3848ddd5491b05ca4597d92cf12c5af760231b711d20abe15601185e3bcc9e11"
    )
    assert signing.canonical("POST", "/v1/archive", signing.body_hash(b"hello"), NOW) == (
        b"POST\n/v1/archive\n"
        b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n"
        b"1714999980"
    )
    assert signed()[signing.SIGNATURE_HEADER] == (
        "82a9b765be70db0abf4b74fe5e30a4e62519fc102d1c190fafbd1e60157539f7"
    )


def test_a_signed_request_is_accepted():
    verify(signed())


@pytest.mark.parametrize(
    "change",
    [{"method": "PUT"}, {"target": "/v1/archive?id=1"}, {"body": b"other"}],
    ids=str,
)
def test_a_changed_request_is_refused(change):
    with pytest.raises(signing.SignatureError, match="does not match"):
        verify(signed(), **change)


@pytest.mark.parametrize("seconds", [-61, 61])
def test_an_old_or_early_request_is_refused(seconds):
    with pytest.raises(signing.SignatureError, match="more than a minute"):
        verify(signed(), now=NOW + seconds)


def test_a_minute_of_difference_is_accepted():
    verify(signed(), now=NOW + 60)
    verify(signed(), now=NOW - 60)


@pytest.mark.parametrize("name", [signing.TIMESTAMP_HEADER, signing.SIGNATURE_HEADER])
def test_a_request_without_a_header_is_refused(name):
    headers = signed()
    del headers[name]

    with pytest.raises(signing.SignatureError, match="not signed"):
        verify(headers)


@pytest.mark.parametrize("timestamp", ["soon", "-5", "1.5", "١٢"])
def test_a_timestamp_is_digits(timestamp):
    headers = {**signed(), signing.TIMESTAMP_HEADER: timestamp}

    with pytest.raises(signing.SignatureError, match="not a number"):
        verify(headers)


def test_a_signature_that_is_not_ascii_is_refused():
    with pytest.raises(signing.SignatureError):
        verify({**signed(), signing.SIGNATURE_HEADER: "é" * 32})


def test_the_old_key_is_accepted_during_rotation():
    fresh = signing.derive_key(b"another", signing.STORAGESVC)

    verify(signed(), keys=signing.Keys(fresh, old=KEY))
    with pytest.raises(signing.SignatureError):
        verify(signed(), keys=signing.Keys(fresh))


def test_without_a_secret_every_call_passes():
    signing.verify(signing.Keys(), "GET", "/", signing.EMPTY_BODY_HASH, None, None, NOW)


def test_services_and_namespaces_have_keys_of_their_own():
    masters = signing.Masters(MASTER)
    keys = {
        masters.keys("executor").current,
        masters.keys("fetcher").current,
        masters.keys("fetcher", "a").current,
        masters.keys("fetcher", "b").current,
    }

    assert len(keys) == 4


def test_a_secret_that_is_set_but_blank_stops_the_process():
    with pytest.raises(signing.SigningError, match="FISSION_INTERNAL_AUTH_SECRET is set but blank"):
        signing.masters_from_env({"FISSION_INTERNAL_AUTH_SECRET": " "})


def test_no_secret_means_no_signatures():
    assert not signing.masters_from_env({}).enabled


def test_workload_pods_hold_derived_keys():
    env = {"FISSION_STORAGE_KEY": KEY.hex(), "FISSION_INTERNAL_AUTH_SECRET": "other"}

    assert signing.keys_from_env(env, "FISSION_STORAGE_KEY", "storagesvc").current == KEY


@pytest.mark.parametrize("value", ["", "abc", "zz" * 32])
def test_a_derived_key_that_is_none_is_refused(value):
    with pytest.raises(signing.SigningError, match="64 hexadecimal digits"):
        signing.keys_from_env({"FISSION_FETCHER_KEY": value}, "FISSION_FETCHER_KEY", "fetcher")


def test_a_hash_is_the_same_in_pieces():
    assert signing.body_hash([b"he", b"llo"]) == signing.body_hash(b"hello")
