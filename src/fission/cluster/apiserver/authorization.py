"""A request as RBAC attributes, impersonation, and the words of a refusal. Pure."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers

from fission.cluster.apiserver import hooks, paths
from fission.meta import gvk, status

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


def attributes_of(info: paths.RequestInfo, method: str, watch: bool) -> hooks.Attributes:
    """What the request asks for."""
    if not info.is_resource:
        return hooks.Attributes(method.lower(), path=info.path)
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and (info.watch_path or (watch and not info.name)):
        verb = "watch"
    elif verb == "get" and not info.name:
        verb = "list"
    elif verb == "delete" and not info.name:
        verb = "deletecollection"
    return hooks.Attributes(
        verb,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.namespace,
        info.name,
        info.path,
    )


def refuse(user: hooks.UserInfo, wanted: hooks.Attributes, reason: str = "") -> status.Forbidden:
    """The 403 that says who may not do what."""
    suffix = f": {reason}" if reason else ""
    if not wanted.resource:
        return status.Forbidden(
            f'forbidden: User "{user.name}" cannot {wanted.verb} path "{wanted.path}"{suffix}', {}
        )
    resource = wanted.resource + (f"/{wanted.subresource}" if wanted.subresource else "")
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    shown = gvk.Resource(wanted.group, wanted.version, "", wanted.resource)
    return status.forbidden(
        shown,
        wanted.name,
        f'User "{user.name}" cannot {wanted.verb} resource "{resource}" in API group '
        f'"{wanted.group}" {where}{suffix}',
    )


def impersonated(
    headers: Headers, user: hooks.UserInfo, authorizer: hooks.Authorizer
) -> hooks.UserInfo:
    """The user that the headers ask to be, if ``user`` may; raises Forbidden."""
    name = headers.get("impersonate-user")
    groups = headers.getlist("impersonate-group")
    if not name:
        if groups:
            raise status.BadRequest("requested impersonation without a user name")
        return user
    wanted = [_impersonation(name)]
    wanted += [hooks.Attributes("impersonate", "", "v1", "groups", name=group) for group in groups]
    for attributes in wanted:
        decision = authorizer.authorize(user, attributes)
        if not decision.allowed:
            raise refuse(user, attributes, decision.reason)
    account = name.removeprefix("system:serviceaccount:")
    if account != name and not groups:
        namespace = account.partition(":")[0]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    everyone = "system:unauthenticated" if name == "system:anonymous" else "system:authenticated"
    if everyone not in groups:
        groups = [*groups, everyone]
    return hooks.UserInfo(name, groups=tuple(groups))


def _impersonation(name: str) -> hooks.Attributes:
    prefix = "system:serviceaccount:"
    if name.startswith(prefix) and name.count(":") == 3:
        namespace, account = name.removeprefix(prefix).split(":")
        return hooks.Attributes(
            "impersonate", "", "v1", "serviceaccounts", namespace=namespace, name=account
        )
    return hooks.Attributes("impersonate", "", "v1", "users", name=name)


_GRANTING_FIELDS = ("rules", "aggregationRule", "roleRef", "subjects")


def escalation_guard(
    authorizer: hooks.Authorizer, user: hooks.UserInfo, resource: gvk.Resource, namespace: str
) -> Callable[[hooks.Object, hooks.Object | None], None] | None:
    """For roles and bindings: a check that what is written grants nothing beyond its writer."""
    if resource.group != gvk.ROLES.group:
        return None

    def check(obj: hooks.Object, old: hooks.Object | None) -> None:
        if old is not None and all(obj.get(f) == old.get(f) for f in _GRANTING_FIELDS):
            return
        authorizer.forbid_escalation(user, resource, namespace, obj)

    return check
