"""Who a request comes from."""

from typing import Any

import pytest

from fission.cluster.apiserver import authn, hooks, pki, tokens
from fission.meta import gvk, status

REMOTE = hooks.Peer(local=False, address="127.0.0.1")
LOCAL = hooks.Peer(local=True)


@pytest.fixture
def account_tokens(tmp_path: Any, objects: Any, manual_clock: Any) -> tokens.Tokens:
    made = pki.ensure(tmp_path, manual_clock.now())
    return tokens.Tokens(made.signing_key.read_bytes(), objects, manual_clock)


@pytest.fixture
def authenticator(account_tokens: tokens.Tokens) -> authn.Authenticator:
    return authn.Authenticator("s3cret", account_tokens)


def test_the_administrators_token_is_the_administrator(authenticator: authn.Authenticator) -> None:
    user = authenticator.authenticate({"authorization": "Bearer s3cret"}, REMOTE)
    assert user == hooks.ADMIN


def test_the_home_owners_socket_is_the_administrator(authenticator: authn.Authenticator) -> None:
    assert authenticator.authenticate({}, LOCAL) == hooks.ADMIN


def test_a_token_on_the_home_owners_socket_wins_over_the_peer(
    authenticator: authn.Authenticator, account_tokens: tokens.Tokens, objects: Any
) -> None:
    account = objects.put(gvk.SERVICEACCOUNTS, {"metadata": {"name": "r", "namespace": "n"}})
    header = f"bearer {account_tokens.issue(account, 600).token}"

    user = authenticator.authenticate({"authorization": header}, LOCAL)

    assert user.name == "system:serviceaccount:n:r"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
def test_without_a_bearer_token_the_caller_is_anonymous(
    authenticator: authn.Authenticator, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    assert authenticator.authenticate(headers, REMOTE) == hooks.ANONYMOUS


def test_an_unknown_token_is_unauthorized(authenticator: authn.Authenticator) -> None:
    with pytest.raises(status.Unauthorized) as caught:
        authenticator.authenticate({"authorization": "Bearer nope"}, REMOTE)
    assert caught.value.to_dict() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
