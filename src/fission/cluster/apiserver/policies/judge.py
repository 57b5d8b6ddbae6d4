"""Judges a write by every policy that is bound and means it."""

from __future__ import annotations

from typing import Any

from fission.cluster.apiserver.crd import cel
from fission.cluster.apiserver.policies import definition
from fission.cluster.apiserver.strategies import base
from fission.meta import gvk, status

Object = dict[str, Any]


class Policies:
    """Reads policies and bindings as committed; compiles each version of a policy once."""

    def __init__(self, reader: base.Reader) -> None:
        self._reader = reader
        self._compiled: dict[str, tuple[str, definition.Policy]] = {}

    def check(self, request: definition.Request) -> None:
        """Raise the first refusal; nothing happens when no policy objects."""
        bindings = self._reader.list(gvk.VALIDATINGADMISSIONPOLICYBINDINGS)
        for binding in sorted(bindings, key=lambda each: str(each["metadata"]["name"])):
            obj = self._reader.get(
                gvk.VALIDATINGADMISSIONPOLICIES, "", binding["spec"]["policyName"]
            )
            if obj is None:
                continue
            policy = self._policy(obj)
            if any(match.holds(request) for match in policy.matches):
                _judge(policy, binding["metadata"]["name"], request)

    def _policy(self, obj: Object) -> definition.Policy:
        metadata = obj["metadata"]
        name, version = metadata["name"], metadata["resourceVersion"]
        known = self._compiled.get(name)
        if known is None or known[0] != version:
            known = self._compiled[name] = (version, definition.compile_policy(obj))
        return known[1]


def _judge(policy: definition.Policy, binding: str, request: definition.Request) -> None:
    variables = _Variables(request)
    try:
        meant = all(variables.satisfy(program) for _, program in policy.conditions)
    except cel.EvaluationError as error:
        if policy.fails_closed:
            why = f"match condition resulted in error: {error.message}"
            raise _refusal(policy, binding, request, "Invalid", why) from error
        return
    if not meant:
        return
    for validation in policy.validations:
        try:
            holds = variables.satisfy(validation.program)
        except cel.EvaluationError as error:
            if policy.fails_closed:
                why = f"expression '{validation.program.text}' resulted in error: {error.message}"
                raise _refusal(policy, binding, request, "Invalid", why) from error
            continue
        if not holds:
            why = _message(validation, variables)
            raise _refusal(policy, binding, request, validation.reason, why)


class _Variables:
    """What expressions see; converted for the engine when the first one needs it."""

    def __init__(self, request: definition.Request) -> None:
        self._plain = _plain(request)
        self._converted: dict[str, Any] = {}

    def satisfy(self, program: cel.Program) -> bool:
        """Whether an expression holds; the usual guard is looked at without the engine."""
        if program.free_guard and not self._has(program.free_guard):
            return True
        return bool(program.evaluate(self.converted))

    @property
    def converted(self) -> dict[str, Any]:
        """The engine's form."""
        if not self._converted:
            self._converted = {
                name: cel.convert(value, None) for name, value in self._plain.items()
            }
        return self._converted

    def _has(self, path: tuple[str, ...]) -> bool:
        """Whether the last field is there; also yes where the way to it is not: that is for the
        engine to say."""
        value: Any = self._plain
        for name in path[:-1]:
            value = value.get(name) if isinstance(value, dict) else None
        return not isinstance(value, dict) or path[-1] in value


def _plain(request: definition.Request) -> dict[str, Any]:
    resource = request.resource
    asked = {
        "kind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "resource": {
            "group": resource.group,
            "version": resource.version,
            "resource": resource.plural,
        },
        "subResource": request.subresource,
        "name": request.name,
        "namespace": request.namespace,
        "operation": request.operation,
    }
    return {"object": request.new, "oldObject": request.old, "request": asked}


def _message(validation: definition.Validation, variables: _Variables) -> str:
    if validation.message_program is not None:
        try:
            text = str(validation.message_program.evaluate(variables.converted)).strip()
        except cel.EvaluationError:
            text = ""
        if text and "\n" not in text:
            return text
    return validation.message or f"failed expression: {validation.program.text}"


def _refusal(
    policy: definition.Policy, binding: str, request: definition.Request, reason: str, why: str
) -> status.StatusError:
    text = (
        f"ValidatingAdmissionPolicy '{policy.name}' with binding '{binding}' denied request: {why}"
    )
    plain = status.forbidden(request.resource, request.name, text)
    details = {**(plain.details or {}), "causes": [{"message": text}]}
    return definition.REASONS[reason](plain.message, details)
