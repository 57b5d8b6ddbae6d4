"""One policy and one binding: what may be written, and the compiled form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fission.cluster.apiserver.crd import cel
from fission.meta import gvk, status

Object = dict[str, Any]
Causes = list[status.Cause]

VARIABLES = frozenset({"object", "oldObject", "request"})
REQUEST_FIELDS = ("kind", "resource", "subResource", "name", "namespace", "operation")
OPERATIONS = ("CREATE", "UPDATE")
REASONS: Mapping[str, type[status.StatusError]] = {
    "Unauthorized": status.Unauthorized,
    "Forbidden": status.Forbidden,
    "Invalid": status.Invalid,
    "RequestEntityTooLarge": status.RequestEntityTooLarge,
}
_NOT_HERE = "is not supported by this server"
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Request:
    """One write that is judged."""

    resource: gvk.Resource
    subresource: str
    namespace: str
    name: str
    new: Object
    old: Object | None

    @property
    def operation(self) -> str:
        """``CREATE`` or ``UPDATE``."""
        return "CREATE" if self.old is None else "UPDATE"


@dataclass(frozen=True, slots=True)
class Match:
    """Which writes a rule of a policy is about."""

    groups: frozenset[str]
    versions: frozenset[str]
    operations: frozenset[str]
    resources: frozenset[str]
    scope: str
    names: frozenset[str]

    def holds(self, request: Request) -> bool:
        """Whether this write is meant."""
        resource = request.resource
        scope = "Namespaced" if resource.namespaced else "Cluster"
        return (
            bool(self.groups & {resource.group, _ANY})
            and bool(self.versions & {resource.version, _ANY})
            and bool(self.operations & {request.operation, _ANY})
            and bool(self.resources & _patterns(resource.plural, request.subresource))
            and self.scope in (_ANY, scope)
            and (not self.names or request.name in self.names)
        )


def _patterns(plural: str, subresource: str) -> frozenset[str]:
    if not subresource:
        return frozenset({plural, _ANY, "*/*"})
    return frozenset({f"{plural}/{subresource}", f"{plural}/*", f"*/{subresource}", "*/*"})


@dataclass(frozen=True, slots=True)
class Validation:
    """One rule, and what is said when it does not hold."""

    program: cel.Program
    message: str
    message_program: cel.Program | None
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy."""

    name: str
    matches: tuple[Match, ...]
    conditions: tuple[tuple[str, cel.Program], ...]
    validations: tuple[Validation, ...]
    fails_closed: bool


def policy_causes(obj: Object) -> Causes:
    """What is wrong with a ValidatingAdmissionPolicy, or not done by this server."""
    spec = obj.get("spec") or {}
    causes: Causes = []
    for field in ("paramKind", "auditAnnotations", "variables"):
        if spec.get(field):
            causes.append(status.forbidden_field(f"spec.{field}", _NOT_HERE))
    constraints = spec.get("matchConstraints") or {}
    if not constraints.get("resourceRules"):
        causes.append(status.required("spec.matchConstraints.resourceRules"))
    causes += _constraint_causes(constraints, "spec.matchConstraints")
    if not spec.get("validations"):
        causes.append(status.required("spec.validations", "validations must contain at least one"))
    failure = spec.get("failurePolicy", "Fail")
    if failure not in ("Fail", "Ignore"):
        causes.append(status.not_supported("spec.failurePolicy", failure, ("Fail", "Ignore")))
    for index, validation in enumerate(spec.get("validations") or ()):
        path = f"spec.validations[{index}]"
        causes += _expression_causes(f"{path}.expression", validation.get("expression"))
        if validation.get("messageExpression"):
            causes += _expression_causes(
                f"{path}.messageExpression", validation["messageExpression"]
            )
        reason = validation.get("reason") or "Invalid"
        if reason not in REASONS:
            causes.append(status.not_supported(f"{path}.reason", reason, tuple(REASONS)))
    for index, condition in enumerate(spec.get("matchConditions") or ()):
        path = f"spec.matchConditions[{index}]"
        if not condition.get("name"):
            causes.append(status.required(f"{path}.name"))
        causes += _expression_causes(f"{path}.expression", condition.get("expression"))
    return causes


def binding_causes(obj: Object) -> Causes:
    """What is wrong with a ValidatingAdmissionPolicyBinding, or not done by this server."""
    spec = obj.get("spec") or {}
    causes: Causes = []
    if not spec.get("policyName"):
        causes.append(status.required("spec.policyName"))
    if spec.get("paramRef"):
        causes.append(status.forbidden_field("spec.paramRef", _NOT_HERE))
    if spec.get("matchResources"):
        causes.append(status.forbidden_field("spec.matchResources", _NOT_HERE))
    actions = spec.get("validationActions") or []
    if not actions:
        causes.append(status.required("spec.validationActions"))
    causes += [
        status.not_supported(f"spec.validationActions[{index}]", action, ("Deny",))
        for index, action in enumerate(actions)
        if action != "Deny"
    ]
    return causes


def _constraint_causes(constraints: Object, field: str) -> Causes:
    causes = [
        status.forbidden_field(f"{field}.{name}", _NOT_HERE)
        for name in ("namespaceSelector", "objectSelector", "excludeResourceRules")
        if constraints.get(name)
    ]
    for index, rule in enumerate(constraints.get("resourceRules") or ()):
        path = f"{field}.resourceRules[{index}]"
        causes += [
            status.required(f"{path}.{name}")
            for name in ("apiGroups", "apiVersions", "operations", "resources")
            if not rule.get(name)
        ]
        causes += [
            status.not_supported(f"{path}.operations[{position}]", operation, OPERATIONS)
            for position, operation in enumerate(rule.get("operations") or ())
            if operation not in OPERATIONS
        ]
    return causes


def _expression_causes(field: str, text: Any) -> Causes:
    if not str(text or "").strip():
        return [status.required(field)]
    try:
        compile_text(str(text))
    except cel.CompileError as error:
        why = f"compilation failed: ERROR: <input>:1:1: {error.message}"
        return [status.invalid_value(field, text, why)]
    return []


def compile_text(text: str) -> cel.Program:
    """Compile over ``object``, ``oldObject`` and the known fields of ``request``."""
    return cel.compile_free(text, VARIABLES, {"request": REQUEST_FIELDS})


def compile_policy(obj: Object) -> Policy:
    """The compiled form of a policy that was accepted."""
    spec = obj["spec"]
    return Policy(
        name=obj["metadata"]["name"],
        matches=tuple(
            Match(
                frozenset(rule["apiGroups"]),
                frozenset(rule["apiVersions"]),
                frozenset(rule["operations"]),
                frozenset(rule["resources"]),
                rule.get("scope") or _ANY,
                frozenset(rule.get("resourceNames") or ()),
            )
            for rule in spec["matchConstraints"]["resourceRules"]
        ),
        conditions=tuple(
            (condition["name"], compile_text(condition["expression"]))
            for condition in spec.get("matchConditions") or ()
        ),
        validations=tuple(_compile_validation(each) for each in spec["validations"]),
        fails_closed=spec.get("failurePolicy", "Fail") == "Fail",
    )


def _compile_validation(raw: Object) -> Validation:
    by_expression = raw.get("messageExpression")
    return Validation(
        compile_text(raw["expression"]),
        str(raw.get("message") or ""),
        compile_text(by_expression) if by_expression else None,
        raw.get("reason") or "Invalid",
    )
