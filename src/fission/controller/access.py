"""Who a caller is and what that person may do, as the API server sees it.

A bearer token for the audience ``fission-controller``, and for no other, is looked up by
TokenReview; each operation is then asked for by SubjectAccessReview in that person's name. Both
answers are believed for a few seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.base import ttlcache
from fission.contracts import controller as contract
from fission.kube import client as kube_client
from fission.meta import gvk, status

MAX_REMEMBERED = 4096

TOKEN_REVIEWS = gvk.Resource(
    "authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False
)
ACCESS_REVIEWS = gvk.Resource(
    "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False
)


@dataclass(frozen=True)
class Person:
    """The owner of a token."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing that a person wants to do; an empty namespace means all of them."""

    verb: str
    resource: gvk.Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Access:
    """Answers both questions; with ``enforced`` off everyone may do everything."""

    def __init__(
        self,
        client: kube_client.Client,
        clock: clocks.Clock,
        *,
        enforced: bool,
        ttl_seconds: float,
    ) -> None:
        self._client = client
        self._enforced = enforced
        self._people: ttlcache.TTLCache[bytes, Person] = ttlcache.TTLCache(
            ttl_seconds, MAX_REMEMBERED, clock
        )
        self._allowed: ttlcache.TTLCache[tuple[Person, Operation], bool] = ttlcache.TTLCache(
            ttl_seconds, MAX_REMEMBERED, clock
        )

    async def identify(self, authorization: str | None) -> Person | None:
        """Return the caller, None where nobody is asked; raises Unauthorized."""
        if not self._enforced:
            return None
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise status.Unauthorized(
                "a bearer token is needed: FISSION_TOKEN, for example from "
                f"`kubectl create token ACCOUNT --audience {contract.TOKEN_AUDIENCE}`"
            )
        key = hashlib.sha256(token.encode()).digest()
        person = self._people.get(key)
        if person is None:
            person = await self._review_token(token.strip())
            self._people.put(key, person)
        return person

    async def admit(
        self,
        authorization: str | None,
        verb: str,
        resource: gvk.Resource,
        namespace: str,
        name: str = "",
        subresource: str = "",
    ) -> Person | None:
        """Return the caller, who may do that; raises Unauthorized or Forbidden."""
        person = await self.identify(authorization)
        await self.require(person, Operation(verb, resource, namespace, name, subresource))
        return person

    async def require(self, person: Person | None, operation: Operation) -> None:
        """Return when the person may do it; raises Forbidden."""
        if person is not None and not await self.may(person, operation):
            raise status.Forbidden(_refusal(person, operation))

    async def may(self, person: Person | None, operation: Operation) -> bool:
        """Whether the person may do it."""
        if person is None:
            return True
        key = (person, operation)
        allowed = self._allowed.get(key)
        if allowed is None:
            allowed = await self._review_access(person, operation)
            self._allowed.put(key, allowed)
        return allowed

    async def _review_token(self, token: str) -> Person:
        review: dict[str, Any] = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": TOKEN_REVIEWS.kind,
            "spec": {"token": token, "audiences": [contract.TOKEN_AUDIENCE]},
        }
        answer = (await self._client.create(TOKEN_REVIEWS, review)).get("status", {})
        if answer.get("authenticated"):
            user = answer.get("user", {})
            return Person(
                user.get("username", ""), user.get("uid", ""), tuple(user.get("groups", ()))
            )
        raise status.Unauthorized(
            f"the bearer token is not valid for the audience {contract.TOKEN_AUDIENCE} (any more)"
        )

    async def _review_access(self, person: Person, operation: Operation) -> bool:
        resource = operation.resource
        attributes = {
            "verb": operation.verb,
            "group": resource.group,
            "version": resource.version,
            "resource": resource.plural,
            "subresource": operation.subresource,
            "namespace": operation.namespace if resource.namespaced else "",
            "name": operation.name,
        }
        review = {
            "apiVersion": ACCESS_REVIEWS.api_version,
            "kind": ACCESS_REVIEWS.kind,
            "spec": {
                "user": person.name,
                "uid": person.uid,
                "groups": list(person.groups),
                "resourceAttributes": {key: value for key, value in attributes.items() if value},
            },
        }
        answer = await self._client.create(ACCESS_REVIEWS, review)
        return bool(answer.get("status", {}).get("allowed"))


def _refusal(person: Person, operation: Operation) -> str:
    resource = operation.resource
    plural = resource.plural + (f"/{operation.subresource}" if operation.subresource else "")
    named = f' "{operation.name}"' if operation.name else ""
    where = (
        f'in the namespace "{operation.namespace}"'
        if operation.namespace
        else "at the cluster scope"
    )
    return (
        f'{resource.group_resource}{named} is forbidden: User "{person.name}" cannot '
        f'{operation.verb} resource "{plural}" in API group "{resource.group}" {where}'
    )
