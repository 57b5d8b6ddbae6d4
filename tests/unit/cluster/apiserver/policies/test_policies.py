import copy

import pytest

from fission.bundle import install
from fission.cluster.apiserver.policies import definition, judge
from fission.cluster.apiserver.strategies import policies
from fission.meta import gvk, status

FUNCTIONS = gvk.Resource("fission.io", "v1", "Function", "functions")
RULE = {
    "apiGroups": ["fission.io"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["functions"],
}


def a_policy(*validations, name="p", **spec):
    rules = [{"expression": each} if isinstance(each, str) else each for each in validations]
    obj = {
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "resourceVersion": "1"},
        "spec": {
            "matchConstraints": {"resourceRules": [dict(RULE)]},
            "validations": rules,
            **spec,
        },
    }
    policies.Policies().default(obj)
    return obj


def a_binding(policy="p"):
    return {
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": f"{policy}-bound", "resourceVersion": "1"},
        "spec": {"policyName": policy, "validationActions": ["Deny"]},
    }


class Stored:
    """Objects as a strategy reads them."""

    def __init__(self, *objects):
        self.objects = objects

    def list(self, resource, namespace=None):
        return [obj for obj in self.objects if obj["kind"] == resource.kind]

    def get(self, resource, namespace, name):
        found = (obj for obj in self.list(resource) if obj["metadata"]["name"] == name)
        return next(found, None)

    def staged(self, resource):
        return self.list(resource)


def a_write(spec, old=None, *, resource=FUNCTIONS, subresource=""):
    new = {"metadata": {"name": "f", "namespace": "mine"}, "spec": spec}
    before = None if old is None else {**new, "spec": old}
    return definition.Request(resource, subresource, "mine", "f", new, before)


def refusal(policy, write, binding=None):
    try:
        judge.Policies(Stored(policy, binding or a_binding())).check(write)
    except status.StatusError as error:
        return error
    return None


def test_a_refusal_names_policy_binding_and_rule():
    error = refusal(a_policy("object.spec.size < 5"), a_write({"size": 5}))

    text = (
        "ValidatingAdmissionPolicy 'p' with binding 'p-bound' denied request:"
        " failed expression: object.spec.size < 5"
    )
    assert (error.code, error.message) == (422, f'functions.fission.io "f" is forbidden: {text}')
    assert error.details["causes"] == [{"message": text}]
    assert refusal(a_policy("object.spec.size < 5"), a_write({"size": 4})) is None


def test_messages_and_reasons():
    rule = {
        "expression": "false",
        "messageExpression": "'not in ' + request.namespace",
        "message": "not used",
        "reason": "Forbidden",
    }
    error = refusal(a_policy(rule), a_write({}))

    assert error.code == 403
    assert error.message.endswith("denied request: not in mine")


def test_what_a_policy_means_alone_is_judged():
    refuses_all = a_policy("false")

    assert refusal(refuses_all, a_write({})) is not None
    assert refusal(refuses_all, a_write({}, resource=gvk.PODS)) is None
    assert refusal(refuses_all, a_write({}, {}, subresource="status")) is None
    assert refusal(refuses_all, a_write({}), binding=a_binding("other")) is None
    on_update = a_policy(
        "false", matchConditions=[{"name": "c", "expression": "oldObject != null"}]
    )
    assert refusal(on_update, a_write({})) is None
    assert refusal(on_update, a_write({}, {})) is not None


def test_an_expression_that_fails_refuses_unless_told_otherwise():
    wrong = "object.spec.absent > 1"

    assert "resulted in error: no such key: absent" in refusal(a_policy(wrong), a_write({})).message
    assert refusal(a_policy(wrong, failurePolicy="Ignore"), a_write({})) is None


def test_a_guarded_rule_is_not_evaluated_where_its_field_is_absent():
    rule = "!has(object.spec.odd) || object.spec.odd.all(each, each == 1)"

    assert refusal(a_policy(rule), a_write({})) is None
    assert refusal(a_policy(rule), a_write({"odd": [1, 2]})) is not None


def test_a_changed_policy_is_compiled_again():
    first = a_policy("false")
    stored = Stored(first, a_binding())
    judged = judge.Policies(stored)
    with pytest.raises(status.Invalid):
        judged.check(a_write({}))

    second = copy.deepcopy(first)
    second["metadata"]["resourceVersion"] = "2"
    second["spec"]["validations"] = [{"expression": "true"}]
    stored.objects = (second, a_binding())

    judged.check(a_write({}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"paramKind": {"kind": "X"}}, "spec.paramKind"),
        ({"variables": [{"name": "x"}]}, "spec.variables"),
        ({"validations": []}, "spec.validations"),
        ({"validations": [{"expression": "object.("}]}, "spec.validations[0].expression"),
        ({"validations": [{"expression": "params.x"}]}, "spec.validations[0].expression"),
        (
            {"validations": [{"expression": "request.userInfo.username == ''"}]},
            "spec.validations[0].expression",
        ),
        (
            {"matchConstraints": {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}},
            "spec.matchConstraints.resourceRules[0].operations[0]",
        ),
        (
            {
                "matchConstraints": {
                    "resourceRules": [RULE],
                    "objectSelector": {"matchLabels": {"a": "b"}},
                }
            },
            "spec.matchConstraints.objectSelector",
        ),
    ],
)
def test_what_would_not_be_obeyed_is_refused_by_name(change, field):
    policy = a_policy("true")
    policy["spec"].update(change)

    assert [cause.field for cause in definition.policy_causes(policy)] == [field]


def test_a_binding_denies_and_nothing_else():
    binding = a_binding()
    assert definition.binding_causes(binding) == []

    binding["spec"] = {"validationActions": ["Warn"], "paramRef": {"name": "x"}}

    assert [cause.field for cause in definition.binding_causes(binding)] == [
        "spec.policyName",
        "spec.paramRef",
        "spec.validationActions[0]",
    ]


@pytest.fixture(scope="module")
def ours():
    found = [obj for obj in install.load_manifests() if "AdmissionPolicy" in obj["kind"]]
    for obj in found:
        obj["metadata"]["resourceVersion"] = "1"
        if obj["kind"] == "ValidatingAdmissionPolicy":
            policies.Policies().default(obj)
            assert definition.policy_causes(obj) == []
        else:
            assert definition.binding_causes(obj) == []
    return judge.Policies(Stored(*found))


def a_function(executor="poolmgr", **spec):
    own = {"namespace": "mine", "name": "x"}
    return {
        "environment": own,
        "package": {"packageref": own},
        "InvokeStrategy": {"ExecutionStrategy": {"ExecutorType": executor}},
        **spec,
    }


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"environment": {"namespace": ""}},
        {"secrets": None, "configmaps": None, "envFrom": None},
        {"secrets": [{"namespace": "mine", "name": "s"}], "envFrom": [{"secretRef": {}}]},
        {"executor": "container", "envFrom": [{"secretRef": {}}], "secrets": None},
    ],
)
def test_functions_that_our_policies_let_through(ours, spec):
    ours.check(a_write(a_function(**spec)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"environment": {"namespace": "other"}},
            'spec.environment.namespace: must be the function\'s own, "mine"',
        ),
        (
            {"package": {"packageref": {"namespace": "other"}}},
            'spec.package.packageref.namespace: must be the function\'s own, "mine"',
        ),
        (
            {"secrets": [{"namespace": "other"}]},
            'spec.secrets: each namespace must be the function\'s own, "mine"',
        ),
        (
            {"configmaps": [{"namespace": "other"}]},
            'spec.configmaps: each namespace must be the function\'s own, "mine"',
        ),
        (
            {
                "executor": "container",
                "envFrom": [{"secretRef": {}}],
                "secrets": [{"namespace": "mine"}],
            },
            "spec.envFrom: not together with secrets or configmaps on the container executor; name"
            " those in envFrom, or leave it out",
        ),
    ],
)
def test_functions_that_our_policies_refuse(ours, spec, message):
    with pytest.raises(status.Invalid) as caught:
        ours.check(a_write(a_function(**spec)))
    assert caught.value.message.endswith(f"denied request: {message}")
