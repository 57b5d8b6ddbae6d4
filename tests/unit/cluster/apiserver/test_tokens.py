"""ServiceAccount tokens: whose they are, for whom, how long, and what revokes them."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fission.cluster.apiserver import tokens
from fission.meta import gvk


def a_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


KEY = a_key()


@pytest.fixture
def robot(objects: Any) -> dict[str, Any]:
    account: dict[str, Any] = objects.put(
        gvk.SERVICEACCOUNTS, {"metadata": {"name": "robot", "namespace": "wl", "uid": "u-1"}}
    )
    return account


@pytest.fixture
def issuer(objects: Any, manual_clock: Any) -> tokens.Tokens:
    return tokens.Tokens(KEY, objects, manual_clock, new_id=lambda: "id-1")


def test_a_token_says_who_its_account_is(issuer: tokens.Tokens, robot: dict[str, Any]) -> None:
    verified = issuer.verify(issuer.issue(robot, 3600).token)

    assert verified.user.name == "system:serviceaccount:wl:robot"
    assert verified.user.uid == "u-1"
    assert verified.user.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:wl",
        "system:authenticated",
    )
    assert verified.user.extra == {"authentication.kubernetes.io/credential-id": ("JTI=id-1",)}


def test_the_claims_are_those_of_kubernetes(issuer: tokens.Tokens, robot: dict[str, Any]) -> None:
    token = issuer.issue(robot, 3600, ["a"], tokens.BoundObject("Pod", "web", "u-2")).token

    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": "https://kubernetes.default.svc",
        "aud": ["a"],
        "sub": "system:serviceaccount:wl:robot",
        "iat": 1767225600,
        "nbf": 1767225600,
        "exp": 1767229200,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "wl",
            "serviceaccount": {"name": "robot", "uid": "u-1"},
            "pod": {"name": "web", "uid": "u-2"},
        },
    }


def test_a_token_ends_with_its_time(
    issuer: tokens.Tokens, robot: dict[str, Any], manual_clock: Any
) -> None:
    token = issuer.issue(robot, 600).token
    issuer.verify(token)

    manual_clock.advance(620)

    with pytest.raises(tokens.InvalidToken, match="has expired"):
        issuer.verify(token)


def test_a_token_for_another_audience_is_refused_with_both_named(
    issuer: tokens.Tokens, robot: dict[str, Any]
) -> None:
    token = issuer.issue(robot, 600, ["fission-controller"]).token

    assert issuer.verify(token, ["x", "fission-controller"]).audiences == ("fission-controller",)
    with pytest.raises(tokens.InvalidToken) as caught:
        issuer.verify(token)
    assert caught.value.message == (
        'token audiences ["fission-controller"] is invalid for the target audiences '
        '["https://kubernetes.default.svc"]'
    )


async def test_deleting_the_account_revokes_even_a_remembered_token(
    issuer: tokens.Tokens, robot: dict[str, Any], objects: Any
) -> None:
    token = issuer.issue(robot, 3600).token
    issuer.verify(token)

    await objects.delete(gvk.SERVICEACCOUNTS, "wl", "robot")
    with pytest.raises(tokens.InvalidToken, match="invalidated"):
        issuer.verify(token)

    objects.put(
        gvk.SERVICEACCOUNTS, {"metadata": {"name": "robot", "namespace": "wl", "uid": "u-9"}}
    )
    with pytest.raises(tokens.InvalidToken, match="invalidated"):
        issuer.verify(token)


async def test_a_bound_token_dies_with_its_pod(
    issuer: tokens.Tokens, robot: dict[str, Any], objects: Any
) -> None:
    objects.put(gvk.PODS, {"metadata": {"name": "web", "namespace": "wl", "uid": "u-2"}})
    token = issuer.issue(robot, 3600, bound=tokens.BoundObject("Pod", "web", "u-2")).token

    extra = issuer.verify(token).user.extra
    assert extra["authentication.kubernetes.io/pod-name"] == ("web",)
    await objects.delete(gvk.PODS, "wl", "web")

    with pytest.raises(tokens.InvalidToken, match="invalidated"):
        issuer.verify(token)


@pytest.mark.parametrize("token", ["", "nope", "a.b.c", "ü", "e30.e30."])
def test_text_that_is_no_token_is_nobody(issuer: tokens.Tokens, token: str) -> None:
    with pytest.raises(tokens.InvalidToken, match="invalid bearer token"):
        issuer.verify(token)


def test_a_token_of_another_key_or_algorithm_is_nobody(
    issuer: tokens.Tokens, robot: dict[str, Any], objects: Any, manual_clock: Any
) -> None:
    foreign = tokens.Tokens(a_key(), objects, manual_clock).issue(robot, 3600).token
    claims = jwt.decode(foreign, options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")

    for token in (foreign, unsigned):
        with pytest.raises(tokens.InvalidToken, match="invalid bearer token"):
            issuer.verify(token)
