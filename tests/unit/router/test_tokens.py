"""Tokens of the public listener, and the settings that ask for them."""

import base64
import datetime

import jwt
import pytest

from fission.base import clock as clocks
from fission.base import errors
from fission.contracts import features
from fission.router import config, guard, login, tokens

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def clock() -> clocks.ManualClock:
    return clocks.ManualClock(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


@pytest.fixture
def made(clock: clocks.ManualClock) -> tokens.Tokens:
    return tokens.Tokens(KEY, "fission", 120, clock)


def test_a_token_is_good_until_it_expires_also_when_it_is_remembered(made, clock):
    bearer = b"Bearer " + made.make().encode()
    for _ in range(2):
        assert made.fault(bearer) is None
    clock.advance(119)
    assert made.fault(bearer) is None
    clock.advance(1)
    for _ in range(2):
        assert made.fault(bearer) == "token is either expired or not active yet"


def test_a_token_has_the_claims_of_the_contract(made, clock):
    claims = jwt.decode(
        made.make(), KEY, algorithms=["HS256"], issuer="fission", options={"verify_exp": False}
    )
    now = int(clock.now().timestamp())
    assert claims == {"iss": "fission", "nbf": now, "exp": now + 120}


def signed(clock: clocks.ManualClock, key: str = KEY, algorithm: str = "HS256", **claims) -> bytes:
    now = clock.now().timestamp()
    given = {"iss": "fission", "exp": now + 60, **claims}
    text = jwt.encode(
        {name: value for name, value in given.items() if value is not None}, key, algorithm
    )
    return b"Bearer " + text.encode()


def test_what_is_no_good_token_is_told_apart(made, clock):
    now = clock.now().timestamp()
    assert made.fault(None) == "malformed token"
    assert made.fault(b"Bearer nonsense") == "malformed token"
    assert made.fault(b"Basic YTpi") == "malformed token"
    assert made.fault(b"Bearer " + b"a" * 9000) == "malformed token"
    assert made.fault(signed(clock, exp="soon")) == "malformed token"
    assert made.fault(signed(clock, "f" * 32)) == "token is not valid"
    assert made.fault(signed(clock, iss="other")) == "token is not valid"
    assert made.fault(signed(clock, exp=None)) == "token is not valid"
    assert made.fault(signed(clock, KEY * 2, "HS512")) == "malformed token"
    assert made.fault(signed(clock, nbf=now + 30)) == "token is either expired or not active yet"
    assert made.fault(signed(clock, exp=now - 1)) == "token is either expired or not active yet"
    unsigned = jwt.encode({"iss": "fission", "exp": now + 60}, None, "none")
    assert made.fault(b"Bearer " + unsigned.encode()) == "malformed token"
    assert made.fault(signed(clock)) is None


def test_few_tokens_are_remembered(made, clock):
    made._good.update(
        (b"%d" % number, clock.monotonic() + 9) for number in range(tokens.REMEMBERED)
    )
    assert made.fault(token := signed(clock)) is None
    assert list(made._good) == [token]


def test_guesses_are_bounded_for_an_address_and_in_all():
    guesses = login.Guesses()
    for _ in range(login.MAX_GUESSES_OF_ADDRESS):
        assert not guesses.is_full(b"a")
        guesses.begin(b"a")
    assert guesses.is_full(b"a")
    assert not guesses.is_full(b"b")
    guesses.end(b"a")
    assert not guesses.is_full(b"a")
    for number in range(login.MAX_GUESSES):
        guesses.begin(b"%d" % number)
    assert guesses.is_full(b"new")


def test_authentication_is_off_unless_a_key_is_there():
    assert guard.make_auth(config.Config(), {}) is None
    settings = config.Config(jwt_signing_key=KEY, auth_password="p")
    auth = guard.make_auth(settings, {})
    assert auth == guard.Auth("admin", "p", KEY, "/auth/login", 120.0, "fission")
    assert guard.make_auth(settings, {"auth": {"enabled": False}}) is None
    wanted = {"authUriPath": "/in", "jwtExpiryTime": 300, "jwtIssuer": "me", "enabled": True}
    auth = guard.make_auth(settings, {"auth": wanted})
    assert auth == guard.Auth("admin", "p", KEY, "/in", 300.0, "me")


@pytest.mark.parametrize(
    ("settings", "wanted", "text"),
    [
        ({}, {"enabled": True}, "JWT_SIGNING_KEY must be set"),
        ({"jwt_signing_key": KEY}, {}, "AUTH_PASSWORD must be set"),
        ({"auth_password": "p"}, {}, "JWT_SIGNING_KEY must be set"),
        ({"jwt_signing_key": "short", "auth_password": "p"}, {}, "has 5 bytes; at least 32"),
        (
            {"jwt_signing_key": KEY, "auth_password": "p", "auth_uri_path": "login"},
            {},
            "has to begin with /",
        ),
        (
            {"jwt_signing_key": KEY, "auth_password": "p"},
            {"jwtExpiryTime": "1h"},
            "jwtExpiryTime is '1h'",
        ),
    ],
)
def test_what_is_half_set_stops_the_router(settings, wanted, text):
    with pytest.raises(errors.SettingsError, match=text):
        guard.make_auth(config.Config(**settings), {"auth": wanted})


def test_the_feature_configuration_is_read_in_base64_and_plain():
    text = b"auth:\n  enabled: true\n  jwtExpiryTime: 60\ncanary:\n"
    expected = {"auth": {"enabled": True, "jwtExpiryTime": 60}, "canary": {}}
    assert features.decode(text) == expected
    assert features.decode(base64.b64encode(text)) == expected
    assert features.decode(base64.encodebytes(text * 1)) == expected
    assert features.decode(b"") == {}


@pytest.mark.parametrize("content", [b"a: [", b"- a", b"nonsense!", b"auth: yes", b"\x00"])
def test_a_feature_configuration_that_cannot_be_read_is_refused(content):
    with pytest.raises(features.FeatureError):
        features.decode(content)
