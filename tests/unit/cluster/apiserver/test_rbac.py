"""What roles and bindings allow."""

from typing import Any

import pytest

from fission.cluster.apiserver import hooks, rbac, rbac_bootstrap
from fission.meta import gvk, status

JANE = hooks.UserInfo("jane", groups=("devs", "system:authenticated"))
ROBOT = hooks.UserInfo(
    "system:serviceaccount:wl:robot",
    groups=("system:serviceaccounts", "system:serviceaccounts:wl", "system:authenticated"),
)


def asked(verb: str, resource: str, namespace: str = "wl", **more: str) -> hooks.Attributes:
    return hooks.Attributes(verb=verb, resource=resource, namespace=namespace, **more)


def bind(objects: Any, rules: list[dict[str, Any]], subject: dict[str, Any], **where: str) -> None:
    namespace = where.get("namespace", "")
    kind = "Role" if namespace else "ClusterRole"
    role = gvk.ROLES if namespace else gvk.CLUSTERROLES
    binding = gvk.ROLEBINDINGS if namespace else gvk.CLUSTERROLEBINDINGS
    metadata = {"name": "r"} | ({"namespace": namespace} if namespace else {})
    objects.put(role, {"metadata": dict(metadata), "rules": rules})
    objects.put(
        binding,
        {
            "metadata": dict(metadata),
            "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"},
        },
    )


READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


def test_a_role_allows_its_verbs_in_its_namespace_only(objects: Any) -> None:
    bind(objects, [READ_PODS], {"kind": "ServiceAccount", "name": "robot"}, namespace="wl")
    authorizer = rbac.Rbac(objects)

    decision = authorizer.authorize(ROBOT, asked("list", "pods"))

    assert decision == hooks.Decision(
        True, 'RBAC: allowed by RoleBinding "r/wl" of Role "r" to ServiceAccount "robot/wl"'
    )
    assert not authorizer.authorize(ROBOT, asked("delete", "pods")).allowed
    assert not authorizer.authorize(ROBOT, asked("list", "secrets")).allowed
    assert not authorizer.authorize(ROBOT, asked("list", "pods", "other")).allowed
    assert not authorizer.authorize(ROBOT, asked("list", "pods", "")).allowed
    assert not authorizer.authorize(JANE, asked("list", "pods")).allowed


def test_a_cluster_binding_reaches_every_namespace_and_the_cluster(objects: Any) -> None:
    bind(objects, [READ_PODS], {"kind": "Group", "name": "devs"})
    authorizer = rbac.Rbac(objects)

    assert authorizer.authorize(JANE, asked("get", "pods", "anywhere")).allowed
    assert authorizer.authorize(JANE, asked("list", "pods", "")).allowed


def test_a_change_of_a_binding_counts_at_once(objects: Any) -> None:
    authorizer = rbac.Rbac(objects)
    assert not authorizer.authorize(JANE, asked("get", "pods")).allowed

    bind(objects, [READ_PODS], {"kind": "User", "name": "jane"}, namespace="wl")

    assert authorizer.authorize(JANE, asked("get", "pods")).allowed


def test_a_subresource_is_not_its_resource(objects: Any) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["update"]},
    ]
    bind(objects, rules, {"kind": "User", "name": "jane"})
    authorizer = rbac.Rbac(objects)

    assert authorizer.authorize(JANE, asked("get", "pods", subresource="log")).allowed
    assert not authorizer.authorize(JANE, asked("get", "pods")).allowed
    scale = asked("update", "deployments", group="apps", subresource="scale")
    assert authorizer.authorize(JANE, scale).allowed
    assert not authorizer.authorize(JANE, asked("update", "deployments", group="apps")).allowed


def test_resource_names_limit_a_rule_to_objects(objects: Any) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"]}
    ]
    bind(objects, rules, {"kind": "User", "name": "jane"})
    authorizer = rbac.Rbac(objects)

    assert authorizer.authorize(JANE, asked("get", "secrets", name="a")).allowed
    assert not authorizer.authorize(JANE, asked("get", "secrets", name="b")).allowed
    assert not authorizer.authorize(JANE, asked("get", "secrets")).allowed


def test_paths_match_exactly_or_by_their_star(objects: Any) -> None:
    rules = [{"nonResourceURLs": ["/metrics", "/logs/*"], "verbs": ["get"]}]
    bind(objects, rules, {"kind": "User", "name": "jane"})
    authorizer = rbac.Rbac(objects)

    allowed = {
        path: authorizer.authorize(JANE, hooks.Attributes(verb="get", path=path)).allowed
        for path in ("/metrics", "/metrics/x", "/logs/", "/logs/a/b", "/")
    }

    assert allowed == {
        "/metrics": True,
        "/metrics/x": False,
        "/logs/": True,
        "/logs/a/b": True,
        "/": False,
    }


def test_masters_may_do_anything(objects: Any) -> None:
    authorizer = rbac.Rbac(objects)
    assert authorizer.authorize(hooks.ADMIN, asked("nuke", "planets")) == hooks.Decision(True)


async def test_the_bootstrap_roles_say_what_everybody_may_do(objects: Any) -> None:
    await rbac_bootstrap.ensure(objects)
    authorizer = rbac.Rbac(objects)

    def may_read(user: hooks.UserInfo, path: str) -> bool:
        return authorizer.authorize(user, hooks.Attributes(verb="get", path=path)).allowed

    assert may_read(hooks.ANONYMOUS, "/readyz")
    assert may_read(hooks.ANONYMOUS, "/version")
    assert not may_read(hooks.ANONYMOUS, "/apis")
    assert may_read(JANE, "/apis/apps/v1")
    assert not may_read(JANE, "/metrics")
    own = asked("create", "selfsubjectaccessreviews", "", group="authorization.k8s.io")
    assert authorizer.authorize(JANE, own).allowed
    assert not authorizer.authorize(hooks.ANONYMOUS, own).allowed


async def test_bootstrap_restores_its_rules_and_leaves_what_people_took_over(objects: Any) -> None:
    await rbac_bootstrap.ensure(objects)
    view = objects.get(gvk.CLUSTERROLES, "", "view")
    edit = objects.get(gvk.CLUSTERROLES, "", "edit")
    objects.put(gvk.CLUSTERROLES, view | {"rules": []})
    taken = edit["metadata"] | {"annotations": {}}
    objects.put(gvk.CLUSTERROLES, edit | {"rules": [], "metadata": taken})

    await rbac_bootstrap.ensure(objects)

    assert objects.get(gvk.CLUSTERROLES, "", "view")["rules"] == view["rules"]
    assert objects.get(gvk.CLUSTERROLES, "", "edit")["rules"] == []


async def test_a_labelled_role_joins_the_one_that_aggregates_it(objects: Any) -> None:
    await rbac_bootstrap.ensure(objects)
    objects.put(
        gvk.CLUSTERROLES,
        {
            "metadata": {
                "name": "widgets-view",
                "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
            },
            "rules": [{"apiGroups": ["demo"], "resources": ["widgets"], "verbs": ["get"]}],
        },
    )
    objects.put(
        gvk.ROLEBINDINGS,
        {
            "metadata": {"name": "b", "namespace": "wl"},
            "subjects": [{"kind": "User", "name": "jane"}],
            "roleRef": {"kind": "ClusterRole", "name": "view"},
        },
    )

    authorizer = rbac.Rbac(objects)

    assert authorizer.authorize(JANE, asked("get", "widgets", group="demo")).allowed
    assert not authorizer.authorize(JANE, asked("get", "secrets")).allowed


def test_nobody_grants_what_they_do_not_hold(objects: Any) -> None:
    bind(objects, [READ_PODS], {"kind": "User", "name": "jane"}, namespace="wl")
    authorizer = rbac.Rbac(objects)
    harmless = {"metadata": {"name": "mine"}, "rules": [READ_PODS]}
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    greedy = {"metadata": {"name": "mine"}, "rules": [READ_PODS, secrets]}

    authorizer.forbid_escalation(JANE, gvk.ROLES, "wl", harmless)
    authorizer.forbid_escalation(hooks.ADMIN, gvk.ROLES, "wl", greedy)
    with pytest.raises(status.Forbidden) as caught:
        authorizer.forbid_escalation(JANE, gvk.ROLES, "wl", greedy)

    assert caught.value.message == (
        'roles.rbac.authorization.k8s.io "mine" is forbidden: user "jane" '
        '(groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not '
        'currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )


async def test_binding_a_stronger_role_is_an_escalation(objects: Any) -> None:
    await rbac_bootstrap.ensure(objects)
    authorizer = rbac.Rbac(objects)
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
    }

    with pytest.raises(status.Forbidden):
        authorizer.forbid_escalation(JANE, gvk.ROLEBINDINGS, "wl", binding)
