"""Kinds that are only ever created, answered and forgotten: reviews, and token requests.

Each function takes the decoded body and returns it with a ``status``; nothing is stored. The
controller asks TokenReview and SubjectAccessReview for every call it serves, so both are answered
from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fission.base import clock
from fission.cluster.apiserver import authn, hooks, rbac, tokens
from fission.meta import gvk, status

MIN_TOKEN_SECONDS = 600
MAX_TOKEN_SECONDS = 1 << 32
DEFAULT_TOKEN_SECONDS = 3600

_AUTHENTICATION = "authentication.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
_BINDABLE = {"Pod": gvk.PODS, "Secret": gvk.SECRETS, "Node": gvk.NODES}


class Reviews:
    """The virtual creates over one authenticator and one authorizer."""

    def __init__(
        self,
        authenticator: authn.Authenticator,
        account_tokens: tokens.Tokens,
        authorizer: rbac.Rbac,
        system_clock: clock.Clock,
    ) -> None:
        self._authenticator = authenticator
        self._tokens = account_tokens
        self._authorizer = authorizer
        self._clock = system_clock

    def virtual_creates(self) -> dict[tuple[str, str], hooks.VirtualCreate]:
        """What ``hooks.Hooks.virtual_creates`` wants."""
        return {
            (_AUTHENTICATION, "tokenreviews"): self.token_review,
            (_AUTHENTICATION, "selfsubjectreviews"): self.self_subject_review,
            (_AUTHORIZATION, "subjectaccessreviews"): self.subject_access_review,
            (_AUTHORIZATION, "localsubjectaccessreviews"): self.local_subject_access_review,
            (_AUTHORIZATION, "selfsubjectaccessreviews"): self.self_subject_access_review,
            (_AUTHORIZATION, "selfsubjectrulesreviews"): self.self_subject_rules_review,
            ("", "serviceaccounts/token"): self.token_request,
        }

    async def token_review(self, body: hooks.Object, context: hooks.CreateContext) -> hooks.Object:
        spec = body.get("spec") or {}
        token = spec.get("token")
        if not token or not isinstance(token, str):
            raise status.BadRequest("token is required for TokenReview in authentication")
        audiences = tuple(spec.get("audiences") or (tokens.DEFAULT_AUDIENCE,))
        if self._authenticator.is_admin_token(token):
            answer = _authenticated(tokens.Verified(hooks.ADMIN, audiences))
        else:
            try:
                answer = _authenticated(self._tokens.verify(token, audiences))
            except tokens.InvalidToken as error:
                answer = {"user": {}, "error": _review_error(error.message)}
        return _answer(body, spec, answer)

    async def self_subject_review(
        self, body: hooks.Object, context: hooks.CreateContext
    ) -> hooks.Object:
        created = clock.format_rfc3339(self._clock.now())
        return {
            "kind": "SelfSubjectReview",
            "apiVersion": f"{_AUTHENTICATION}/v1",
            "metadata": {"creationTimestamp": created},
            "status": {"userInfo": _user_dict(context.user)},
        }

    async def subject_access_review(
        self, body: hooks.Object, context: hooks.CreateContext
    ) -> hooks.Object:
        return self._review_subject(body)

    async def local_subject_access_review(
        self, body: hooks.Object, context: hooks.CreateContext
    ) -> hooks.Object:
        attributes = (body.get("spec") or {}).get("resourceAttributes") or {}
        if attributes.get("namespace", "") != context.namespace:
            cause = status.invalid_value(
                "spec.resourceAttributes.namespace",
                attributes.get("namespace", ""),
                f"must match metadata.namespace: {context.namespace}",
            )
            raise status.invalid(_AUTHORIZATION, "", "", [cause])
        answer = self._review_subject(body)
        answer["metadata"] = {"namespace": context.namespace} | answer["metadata"]
        return answer

    async def self_subject_access_review(
        self, body: hooks.Object, context: hooks.CreateContext
    ) -> hooks.Object:
        spec = body.get("spec") or {}
        decision = self._authorizer.authorize(context.user, _attributes(spec))
        return _answer(body, spec, _decision_dict(decision))

    async def self_subject_rules_review(
        self, body: hooks.Object, context: hooks.CreateContext
    ) -> hooks.Object:
        namespace = (body.get("spec") or {}).get("namespace") or ""
        if not namespace:
            raise status.BadRequest("no namespace on request")
        resource_rules: list[dict[str, Any]] = []
        path_rules: list[dict[str, Any]] = []
        for rule in self._authorizer.rules_of(context.user, namespace):
            source = dict(rule.source)
            keys = ("verbs", "nonResourceURLs") if rule.paths else _RULE_KEYS
            target = path_rules if rule.paths else resource_rules
            target.append({key: source[key] for key in keys if source.get(key)})
        return _answer(
            body,
            {},
            {
                "resourceRules": resource_rules,
                "nonResourceRules": path_rules,
                "incomplete": False,
            },
        )

    async def token_request(self, body: hooks.Object, context: hooks.CreateContext) -> hooks.Object:
        account = context.objects.get(gvk.SERVICEACCOUNTS, context.namespace, context.name)
        if account is None:
            raise status.not_found(gvk.SERVICEACCOUNTS, context.name)
        spec = body.get("spec") or {}
        seconds = spec.get("expirationSeconds") or DEFAULT_TOKEN_SECONDS
        _check_duration(seconds)
        reference = spec.get("boundObjectRef") or None
        bound = _bound_object(reference, account, context) if reference else None
        audiences = list(spec.get("audiences") or [tokens.DEFAULT_AUDIENCE])
        issued = self._tokens.issue(account, seconds, audiences, bound)
        return {
            "kind": "TokenRequest",
            "apiVersion": f"{_AUTHENTICATION}/v1",
            "metadata": {
                "name": context.name,
                "namespace": context.namespace,
                "uid": account["metadata"]["uid"],
                "creationTimestamp": clock.format_rfc3339(self._clock.now()),
            },
            "spec": {
                "audiences": audiences,
                "expirationSeconds": seconds,
                "boundObjectRef": reference,
            },
            "status": {
                "token": issued.token,
                "expirationTimestamp": clock.format_rfc3339(issued.expiration),
            },
        }

    def _review_subject(self, body: hooks.Object) -> hooks.Object:
        spec = body.get("spec") or {}
        attributes = _attributes(spec)
        if not spec.get("user") and not spec.get("groups"):
            cause = status.invalid_value(
                "spec.user", "", "at least one of user or group must be specified"
            )
            raise status.invalid(_AUTHORIZATION, "", "", [cause])
        user = hooks.UserInfo(
            spec.get("user") or "", spec.get("uid") or "", tuple(spec.get("groups") or ())
        )
        return _answer(body, spec, _decision_dict(self._authorizer.authorize(user, attributes)))


_RULE_KEYS = ("verbs", "apiGroups", "resources", "resourceNames")


def _attributes(spec: Mapping[str, Any]) -> hooks.Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        both = "cannot be specified in combination with resourceAttributes"
        neither = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause = (
            status.invalid_value("spec.resourceAttributes", None, neither)
            if resource is None
            else status.invalid_value("spec.nonResourceAttributes", path, both)
        )
        raise status.invalid(_AUTHORIZATION, "", "", [cause])
    if path is not None:
        return hooks.Attributes(verb=path.get("verb") or "", path=path.get("path") or "")
    assert resource is not None
    return hooks.Attributes(
        verb=resource.get("verb") or "",
        group=resource.get("group") or "",
        version=resource.get("version") or "",
        resource=resource.get("resource") or "",
        subresource=resource.get("subresource") or "",
        namespace=resource.get("namespace") or "",
        name=resource.get("name") or "",
    )


def _answer(body: hooks.Object, spec: Mapping[str, Any], answer: Mapping[str, Any]) -> hooks.Object:
    return {
        "kind": body.get("kind", ""),
        "apiVersion": body.get("apiVersion", ""),
        "metadata": {},
        "spec": dict(spec),
        "status": dict(answer),
    }


def _decision_dict(decision: hooks.Decision) -> dict[str, Any]:
    answer: dict[str, Any] = {"allowed": decision.allowed}
    if decision.reason:
        answer["reason"] = decision.reason
    return answer


def _authenticated(verified: tokens.Verified) -> dict[str, Any]:
    return {
        "authenticated": True,
        "user": _user_dict(verified.user),
        "audiences": list(verified.audiences),
    }


def _user_dict(user: hooks.UserInfo) -> dict[str, Any]:
    described: dict[str, Any] = {"username": user.name}
    if user.uid:
        described["uid"] = user.uid
    if user.groups:
        described["groups"] = list(user.groups)
    if user.extra:
        described["extra"] = {key: list(values) for key, values in user.extra.items()}
    return described


def _review_error(message: str) -> str:
    invalid = "invalid bearer token"
    return invalid if message == invalid else f"[{invalid}, {message}]"


def _check_duration(seconds: Any) -> None:
    why = ""
    if not isinstance(seconds, int) or seconds < MIN_TOKEN_SECONDS:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > MAX_TOKEN_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        cause = status.invalid_value("spec.expirationSeconds", seconds, why)
        raise status.invalid(_AUTHENTICATION, "TokenRequest", "", [cause])


def _bound_object(
    reference: Mapping[str, Any], account: hooks.Object, context: hooks.CreateContext
) -> tokens.BoundObject:
    kind, name = reference.get("kind", ""), reference.get("name", "")
    resource = _BINDABLE.get(kind)
    if resource is None:
        raise status.BadRequest(
            f"cannot bind token to object of type {kind}: must be Pod, Secret or Node"
        )
    found = context.objects.get(resource, context.namespace if resource.namespaced else "", name)
    if found is None:
        raise status.not_found(resource, name)
    account_name = account["metadata"]["name"]
    if kind == "Pod" and (found["spec"].get("serviceAccountName") or "default") != account_name:
        raise status.BadRequest(
            f'cannot bind token for serviceaccount "{account_name}" to pod running with '
            "different serviceaccount name."
        )
    uid = found["metadata"]["uid"]
    if reference.get("uid") and reference["uid"] != uid:
        raise status.conflict(
            resource,
            name,
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID in "
            f"record ({uid}). The object might have been deleted and then recreated",
        )
    return tokens.BoundObject(kind, name, uid)
