"""Reviews and token requests: their answers, and what they refuse."""

from typing import Any

import pytest

from fission.cluster.apiserver import authn, hooks, pki, rbac, rbac_bootstrap, reviews, tokens
from fission.meta import gvk, status

JANE = hooks.UserInfo("jane", groups=("system:authenticated",))


class Bench:
    def __init__(self, objects: Any, account_tokens: tokens.Tokens, manual_clock: Any) -> None:
        self.objects = objects
        self.tokens = account_tokens
        authenticator = authn.Authenticator("s3cret", account_tokens)
        self.creates = reviews.Reviews(
            authenticator, account_tokens, rbac.Rbac(objects), manual_clock
        ).virtual_creates()

    async def create(
        self,
        group: str,
        resource: str,
        spec: dict[str, Any],
        user: hooks.UserInfo = hooks.ADMIN,
        namespace: str = "",
        name: str = "",
    ) -> dict[str, Any]:
        context = hooks.CreateContext(user, namespace, name, self.objects)
        body = {"apiVersion": f"{group}/v1", "kind": "Asked", "spec": spec}
        return await self.creates[group, resource](body, context)


@pytest.fixture
async def bench(tmp_path: Any, objects: Any, manual_clock: Any) -> Bench:
    made = pki.ensure(tmp_path, manual_clock.now())
    await rbac_bootstrap.ensure(objects)
    objects.put(
        gvk.SERVICEACCOUNTS, {"metadata": {"name": "robot", "namespace": "wl", "uid": "u-1"}}
    )
    account_tokens = tokens.Tokens(
        made.signing_key.read_bytes(), objects, manual_clock, lambda: "id-1"
    )
    return Bench(objects, account_tokens, manual_clock)


AUTHN = "authentication.k8s.io"
AUTHZ = "authorization.k8s.io"


async def test_a_token_request_is_answered_with_its_token_and_end(bench: Bench) -> None:
    answer = await bench.create("", "serviceaccounts/token", {}, namespace="wl", name="robot")

    token = answer["status"].pop("token")
    assert bench.tokens.verify(token).user.name == "system:serviceaccount:wl:robot"
    assert answer == {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": "robot",
            "namespace": "wl",
            "uid": "u-1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "audiences": ["https://kubernetes.default.svc"],
            "expirationSeconds": 3600,
            "boundObjectRef": None,
        },
        "status": {"expirationTimestamp": "2026-01-01T01:00:00Z"},
    }


async def test_a_token_for_less_than_ten_minutes_is_invalid(bench: Bench) -> None:
    with pytest.raises(status.Invalid) as caught:
        await bench.create(
            "", "serviceaccounts/token", {"expirationSeconds": 1}, namespace="wl", name="robot"
        )
    assert caught.value.message == (
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
        "1: may not specify a duration less than 10 minutes"
    )


async def test_a_token_is_bound_only_to_a_pod_of_its_account(bench: Bench) -> None:
    bench.objects.put(
        gvk.PODS,
        {"metadata": {"name": "web", "namespace": "wl"}, "spec": {"serviceAccountName": "other"}},
    )
    spec = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web"}}

    with pytest.raises(status.BadRequest) as caught:
        await bench.create("", "serviceaccounts/token", spec, namespace="wl", name="robot")

    assert caught.value.message == (
        'cannot bind token for serviceaccount "robot" to pod running with different '
        "serviceaccount name."
    )


async def test_a_token_of_an_account_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(status.NotFound, match='serviceaccounts "ghost" not found'):
        await bench.create("", "serviceaccounts/token", {}, namespace="wl", name="ghost")


async def test_a_review_of_a_good_token_names_its_user(bench: Bench) -> None:
    account = bench.objects.get(gvk.SERVICEACCOUNTS, "wl", "robot")
    token = bench.tokens.issue(account, 600, ["fission-controller"]).token

    answer = await bench.create(
        AUTHN, "tokenreviews", {"token": token, "audiences": ["fission-controller"]}
    )

    assert answer["status"] == {
        "authenticated": True,
        "user": {
            "username": "system:serviceaccount:wl:robot",
            "uid": "u-1",
            "groups": [
                "system:serviceaccounts",
                "system:serviceaccounts:wl",
                "system:authenticated",
            ],
            "extra": {"authentication.kubernetes.io/credential-id": ["JTI=id-1"]},
        },
        "audiences": ["fission-controller"],
    }


async def test_a_review_of_a_bad_token_is_an_answer_not_an_error(bench: Bench) -> None:
    answer = await bench.create(AUTHN, "tokenreviews", {"token": "nope"})
    assert answer["status"] == {"user": {}, "error": "invalid bearer token"}


async def test_a_review_for_another_audience_names_both(bench: Bench) -> None:
    account = bench.objects.get(gvk.SERVICEACCOUNTS, "wl", "robot")
    spec = {"token": bench.tokens.issue(account, 600).token, "audiences": ["other"]}

    answer = await bench.create(AUTHN, "tokenreviews", spec)

    assert answer["status"]["error"] == (
        "[invalid bearer token, token audiences "
        '["https://kubernetes.default.svc"] is invalid for the target audiences ["other"]]'
    )


async def test_a_review_without_a_token_is_a_bad_request(bench: Bench) -> None:
    with pytest.raises(status.BadRequest, match="token is required for TokenReview"):
        await bench.create(AUTHN, "tokenreviews", {})


async def test_access_is_reviewed_for_the_named_subject(bench: Bench) -> None:
    attributes = {"namespace": "wl", "verb": "get", "resource": "pods"}
    denied = await bench.create(
        AUTHZ, "subjectaccessreviews", {"user": "jane", "resourceAttributes": attributes}
    )
    spec = {"groups": ["system:masters"], "resourceAttributes": attributes}
    allowed = await bench.create(AUTHZ, "subjectaccessreviews", spec)

    assert denied["status"] == {"allowed": False}
    assert allowed["status"] == {"allowed": True}
    assert allowed["spec"] == spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"resourceAttributes": {"verb": "get", "resource": "pods"}},
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            {"user": "jane"},
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes "
            "or resourceAttributes must be specified",
        ),
        (
            {
                "user": "jane",
                "resourceAttributes": {"verb": "get"},
                "nonResourceAttributes": {"path": "/"},
            },
            'spec.nonResourceAttributes: Invalid value: {"path":"/"}: cannot be specified in '
            "combination with resourceAttributes",
        ),
    ],
)
async def test_an_incomplete_access_review_is_invalid(
    bench: Bench, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(status.Invalid) as caught:
        await bench.create(AUTHZ, "subjectaccessreviews", spec)
    assert caught.value.message == f'.authorization.k8s.io "" is invalid: {message}'


async def test_own_access_is_that_of_the_caller(bench: Bench) -> None:
    spec = {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}
    answer = await bench.create(AUTHZ, "selfsubjectaccessreviews", spec, user=JANE)
    assert answer["status"]["allowed"] is True
    assert "system:discovery" in answer["status"]["reason"]


async def test_a_local_review_stays_in_its_namespace(bench: Bench) -> None:
    spec = {"user": "jane", "resourceAttributes": {"namespace": "other", "verb": "get"}}
    with pytest.raises(status.Invalid, match=r"must match metadata\.namespace: wl"):
        await bench.create(AUTHZ, "localsubjectaccessreviews", spec, namespace="wl")


async def test_own_rules_are_listed_by_kind(bench: Bench) -> None:
    answer = await bench.create(AUTHZ, "selfsubjectrulesreviews", {"namespace": "wl"}, user=JANE)

    assert {
        "verbs": ["create"],
        "apiGroups": ["authentication.k8s.io"],
        "resources": ["selfsubjectreviews"],
    } in answer["status"]["resourceRules"]
    assert answer["status"]["incomplete"] is False
    assert all("nonResourceURLs" in rule for rule in answer["status"]["nonResourceRules"])


async def test_whoami(bench: Bench) -> None:
    answer = await bench.create(AUTHN, "selfsubjectreviews", {}, user=JANE)
    assert answer["status"] == {
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]}
    }
