"""RBAC: may this user do that? Answered from an index over the roles and bindings in the store.

The index maps a subject (user or group) to the rules bound to it, cluster-wide and by namespace.
Any change of a role or binding marks it stale; the next question rebuilds it, so an answer always
reflects what is committed. Members of ``system:masters`` may do everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fission.cluster.apiserver import hooks
from fission.meta import gvk, selectors, status

MASTERS = "system:masters"
RESOURCES = (gvk.ROLES, gvk.ROLEBINDINGS, gvk.CLUSTERROLES, gvk.CLUSTERROLEBINDINGS)

_Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule, with sets where it is matched."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    paths: tuple[str, ...]
    source: Mapping[str, Any]

    @classmethod
    def parse(cls, rule: Mapping[str, Any]) -> Rule:
        return cls(
            verbs=frozenset(rule.get("verbs") or ()),
            groups=frozenset(rule.get("apiGroups") or ()),
            resources=frozenset(rule.get("resources") or ()),
            names=frozenset(rule.get("resourceNames") or ()),
            paths=tuple(rule.get("nonResourceURLs") or ()),
            source=rule,
        )

    def allows(self, asked: hooks.Attributes) -> bool:
        if asked.verb not in self.verbs and "*" not in self.verbs:
            return False
        if not asked.resource:
            return any(_matches_path(pattern, asked.path) for pattern in self.paths)
        return (
            (asked.group in self.groups or "*" in self.groups)
            and self._allows_resource(asked.resource, asked.subresource)
            and (not self.names or asked.name in self.names)
        )

    def _allows_resource(self, resource: str, subresource: str) -> bool:
        combined = f"{resource}/{subresource}" if subresource else resource
        return (
            combined in self.resources
            or "*" in self.resources
            or bool(subresource and f"*/{subresource}" in self.resources)
        )


def _matches_path(pattern: str, path: str) -> bool:
    if pattern == "*" or pattern == path:
        return True
    return pattern.endswith("*") and path.startswith(pattern[:-1])


@dataclass(frozen=True, slots=True)
class Grant:
    """The rules of one role through one binding to one subject."""

    rules: tuple[Rule, ...]
    reason: str


@dataclass(slots=True)
class _Index:
    cluster: dict[_Subject, list[Grant]] = field(default_factory=dict)
    namespaces: dict[str, dict[_Subject, list[Grant]]] = field(default_factory=dict)


class Rbac:
    """Implements ``hooks.Authorizer``."""

    def __init__(self, objects: hooks.Objects) -> None:
        self._objects = objects
        self._index: _Index | None = None
        self._unsubscribe: list[Callable[[], None]] = [
            objects.subscribe(resource, self._forget) for resource in RESOURCES
        ]

    def close(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def authorize(self, user: hooks.UserInfo, attributes: hooks.Attributes) -> hooks.Decision:
        if MASTERS in user.groups:
            return hooks.Decision(True)
        for grant in self._grants(user, attributes.namespace):
            if any(rule.allows(attributes) for rule in grant.rules):
                return hooks.Decision(True, grant.reason)
        return hooks.Decision(False)

    def rules_of(self, user: hooks.UserInfo, namespace: str) -> list[Rule]:
        """Everything the user may do in the namespace, cluster-wide rules first."""
        if MASTERS in user.groups:
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            return [
                Rule.parse(everything),
                Rule.parse({"verbs": ["*"], "nonResourceURLs": ["*"]}),
            ]
        return [rule for grant in self._grants(user, namespace) for rule in grant.rules]

    def forbid_escalation(
        self, user: hooks.UserInfo, resource: gvk.Resource, namespace: str, obj: hooks.Object
    ) -> None:
        """Raise ``status.Forbidden`` when a role or binding grants more than its writer holds.

        The verbs ``escalate`` on roles and ``bind`` on the bound role are the ways around it.
        """
        is_role = resource.plural in ("roles", "clusterroles")
        role_ref = obj.get("roleRef") or {}
        target = resource if is_role else _role_resource(role_ref)
        name = obj.get("metadata", {}).get("name", "") if is_role else role_ref.get("name", "")
        exempt = hooks.Attributes(
            verb="escalate" if is_role else "bind",
            group=target.group,
            resource=target.plural,
            namespace=namespace,
            name=name,
        )
        if self.authorize(user, exempt).allowed:
            return
        rules = (
            _rules(obj) if is_role else self._resolve(role_ref, namespace, self._cluster_roles())
        )
        held = self.rules_of(user, namespace)
        missing = [rule for rule in rules if not _is_covered(rule, held)]
        if missing:
            listed = "\n".join(sorted(_describe(rule) for rule in missing))
            groups = " ".join(f'"{group}"' for group in user.groups)
            raise status.forbidden(
                resource,
                obj.get("metadata", {}).get("name", ""),
                f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions '
                f"not currently held:\n{listed}",
            )

    def _forget(self, change: hooks.ChangeType, obj: hooks.Object) -> None:
        self._index = None

    def _grants(self, user: hooks.UserInfo, namespace: str) -> Iterator[Grant]:
        index = self._index
        if index is None:
            index = self._index = self._build()
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        tables = [index.cluster]
        if namespace and namespace in index.namespaces:
            tables.append(index.namespaces[namespace])
        for table in tables:
            for subject in subjects:
                yield from table.get(subject, ())

    def _build(self) -> _Index:
        index = _Index()
        roles = self._cluster_roles()
        for binding in self._objects.list(gvk.CLUSTERROLEBINDINGS):
            self._add(index.cluster, binding, "", roles)
        for binding in self._objects.list(gvk.ROLEBINDINGS):
            namespace = binding["metadata"]["namespace"]
            self._add(index.namespaces.setdefault(namespace, {}), binding, namespace, roles)
        return index

    def _add(
        self,
        table: dict[_Subject, list[Grant]],
        binding: hooks.Object,
        namespace: str,
        cluster_roles: Mapping[str, tuple[Rule, ...]],
    ) -> None:
        role_ref = binding.get("roleRef") or {}
        rules = tuple(self._resolve(role_ref, namespace, cluster_roles))
        if not rules:
            return
        for subject in binding.get("subjects") or ():
            key = _subject_key(subject, namespace)
            table.setdefault(key, []).append(Grant(rules, _reason(binding, namespace, subject)))

    def _resolve(
        self,
        role_ref: Mapping[str, Any],
        namespace: str,
        cluster_roles: Mapping[str, tuple[Rule, ...]],
    ) -> Sequence[Rule]:
        name = role_ref.get("name", "")
        if role_ref.get("kind") == "ClusterRole":
            return cluster_roles.get(name, ())
        role = self._objects.get(gvk.ROLES, namespace, name) if namespace else None
        return _rules(role) if role else ()

    def _cluster_roles(self) -> dict[str, tuple[Rule, ...]]:
        """Each ClusterRole's rules, with those that its aggregationRule selects."""
        roles = self._objects.list(gvk.CLUSTERROLES)
        found: dict[str, tuple[Rule, ...]] = {}
        for role in roles:
            rules = list(_rules(role))
            for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
                matcher = selectors.LabelSelector.from_dict(selector)
                for other in roles:
                    if other is not role and matcher.matches(other["metadata"].get("labels") or {}):
                        rules += _rules(other)
            found[role["metadata"]["name"]] = tuple(rules)
        return found


def _role_resource(role_ref: Mapping[str, Any]) -> gvk.Resource:
    return gvk.CLUSTERROLES if role_ref.get("kind") == "ClusterRole" else gvk.ROLES


def _rules(role: Mapping[str, Any]) -> tuple[Rule, ...]:
    return tuple(Rule.parse(rule) for rule in role.get("rules") or ())


def _subject_key(subject: Mapping[str, Any], namespace: str) -> _Subject:
    kind, name = subject.get("kind", ""), subject.get("name", "")
    if kind == "ServiceAccount":
        return "User", f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return kind, name


def _reason(binding: hooks.Object, namespace: str, subject: Mapping[str, Any]) -> str:
    role_ref = binding["roleRef"]
    metadata = binding["metadata"]
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    name = f"{metadata['name']}/{namespace}" if namespace else metadata["name"]
    who = subject.get("name", "")
    if subject.get("kind") == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    return (
        f'RBAC: allowed by {kind} "{name}" of {role_ref.get("kind", "")} '
        f'"{role_ref.get("name", "")}" to {subject.get("kind", "")} "{who}"'
    )


def _is_covered(rule: Rule, held: Sequence[Rule]) -> bool:
    """Whether each single permission of ``rule`` is allowed by a held rule."""
    return all(any(own.allows(asked) for own in held) for asked in _single_permissions(rule))


def _single_permissions(rule: Rule) -> Iterator[hooks.Attributes]:
    for verb in rule.verbs:
        for path in rule.paths:
            yield hooks.Attributes(verb=verb, path=path)
        for group in rule.groups:
            for resource in rule.resources:
                plural, _, subresource = resource.partition("/")
                for name in rule.names or ("",):
                    yield hooks.Attributes(
                        verb=verb,
                        group=group,
                        resource=plural,
                        subresource=subresource,
                        name=name,
                    )


def _describe(rule: Rule) -> str:
    parts = [
        ("APIGroups", rule.source.get("apiGroups")),
        ("Resources", rule.source.get("resources")),
        ("ResourceNames", rule.source.get("resourceNames")),
        ("NonResourceURLs", rule.source.get("nonResourceURLs")),
        ("Verbs", rule.source.get("verbs")),
    ]
    return "{" + ", ".join(f"{key}:{_go_list(values)}" for key, values in parts if values) + "}"


def _go_list(values: Iterable[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"
