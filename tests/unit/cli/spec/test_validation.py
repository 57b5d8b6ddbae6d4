"""What is wrong in the files of an application, all of it at once, with file and line."""

import random
import textwrap
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fission.cli.spec import reading, validation

ENVIRONMENT = """\
apiVersion: fission.io/v1
kind: Environment
metadata:
  name: python
spec:
  version: 3
  runtime:
    image: fission/python-env
"""
PACKAGE = """\
apiVersion: fission.io/v1
kind: Package
metadata:
  name: code
spec:
  environment: {name: python, namespace: ''}
  deployment:
    type: url
    url: archive://files
"""
ARCHIVE = """\
kind: ArchiveUploadSpec
name: files
include: ['*.py']
"""
FUNCTION = """\
apiVersion: fission.io/v1
kind: Function
metadata:
  name: hello
spec:
  environment: {name: python, namespace: ''}
  package:
    packageref: {name: code, namespace: ''}
  InvokeStrategy:
    StrategyType: execution
    ExecutionStrategy: {ExecutorType: poolmgr}
"""
ROUTE = """\
apiVersion: fission.io/v1
kind: HTTPTrigger
metadata:
  name: hello
spec:
  relativeurl: /hello
  methods: [GET]
  functionref: {type: name, name: hello}
"""
WHOLE = {"a": ENVIRONMENT, "b": PACKAGE, "c": ARCHIVE, "d": FUNCTION, "e": ROUTE}


@pytest.fixture
def check(tmp_path):
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "fission-deployment-config.yaml").write_text(
        "kind: DeploymentConfig\nname: shop\nuid: u\n"
    )

    def run(namespace="default", force=False, **files):
        for name, text in {**WHOLE, **files}.items():
            if text:
                (specs / f"{name}.yaml").write_text(textwrap.dedent(text))
        application = reading.read(specs, cwd=tmp_path)
        found = validation.check(application, namespace, force_namespace=force)
        return [str(each) for each in found.errors], [str(each) for each in found.warnings]

    return run


def test_nothing_is_said_of_what_is_right(check):
    assert check() == ([], [])
    assert check(namespace="") == ([], [])


def test_unknown_fields_are_named_with_the_nearest_that_there_is(check):
    function = FUNCTION.replace("InvokeStrategy", "invokestrategy").replace(
        "ExecutorType: poolmgr", "ExecutorType: poolmgr, Minscale: 1"
    )
    errors, _ = check(d=function + "  color: blue\n")

    assert errors[0].startswith(
        "specs/d.yaml:9: Function hello: spec.invokestrategy: unknown field;"
        " did you mean InvokeStrategy?"
    )
    assert errors[1].startswith("specs/d.yaml:12: Function hello: spec.color: unknown field")
    assert len(errors) == 2


def test_fields_of_lists_maps_and_metadata_are_looked_at(check):
    errors, _ = check(
        d=FUNCTION.replace("  name: hello", "  name: hello\n  label: {a: b}")
        + "  secrets:\n  - {name: s, namespace: default, mountpath: a}\n"
        + "  tool: {description: d, inputSchema: {any: [thing]}}\n"
        + "  resources: {limits: {cpu: 1, memory: 5Mi}}\n"
    )

    assert errors == [
        "specs/d.yaml:5: Function hello: metadata.label: unknown field; did you mean labels?",
        "specs/d.yaml:14: Function hello: spec.secrets[0].mountpath: unknown field;"
        " did you mean mountPath?",
    ]


def test_wrong_types_hide_nothing_else(check):
    errors, _ = check(
        e="",
        d=FUNCTION.replace("name: hello", "name: Hello\n  labels: {v: 1, w: }")
        + "  functionTimeout: '5'\n  onceOnly: 1\n  concurrency: -1\n"
        + "  secrets: s\n  env: [{name: FISSION_X, value: 1}]\n  envFrom: [null]\n",
    )

    shown = [
        error.removeprefix("specs/d.yaml:").partition(": Function Hello: ") for error in errors
    ]
    assert [(line, text[:70]) for line, _, text in shown] == [
        ("4", 'metadata.name: Invalid value: "Hello": a lowercase RFC 1123 label must'[:70]),
        ("5", "metadata.labels[v]: Invalid value: want text, found number 1; put it in"[:70]),
        ("5", "metadata.labels[w]: Invalid value: want text, found nothing"),
        ("13", 'spec.functionTimeout: Invalid value: want a whole number, found text "'[:70]),
        ("14", "spec.onceOnly: Invalid value: want true or false, found number 1"),
        ("15", "spec.concurrency: Invalid value: -1: must be 0 or more"),
        ("16", 'spec.secrets: Invalid value: want a list, found text "s"'),
        ("17", "spec.env[0].value: Invalid value: want text, found number 1; put it in"[:70]),
        ("17", 'spec.env[0].name: Invalid value: "FISSION_X": is reserved; choose anot'[:70]),
        ("18", "spec.envFrom[0]: Invalid value: want a mapping, found nothing"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("e", ROUTE.replace("GET", "get"), 'Unsupported value: "get": supported values: "GET"'),
        ("e", ROUTE.replace("/hello", "/"), "only root path"),
        ("b", PACKAGE + "  source: {literal: '*'}\n", "spec.source.literal: Invalid value: is"),
        ("d", FUNCTION.replace("spec:\n", "specs:\n"), "spec"),
        ("a", ENVIRONMENT.replace("version: 3", "version: 9"), "spec.version"),
        (
            "e",
            ROUTE.replace("HTTPTrigger", "TimeTrigger")
            .replace("relativeurl: /hello", "cron: nonsense")
            .replace("methods: [GET]", "method: GET"),
            "specs/e.yaml:6: TimeTrigger hello: spec.cron",
        ),
    ],
)
def test_values_are_checked_as_a_platform_does(check, name, text, error):
    errors, _ = check(**{name: text})

    assert any(error in each for each in errors), errors


def test_null_is_as_good_as_absent(check):
    assert check(d=FUNCTION + "  podspec: null\n  secrets: null\n  tool:\n") == ([], [])


def test_two_objects_of_one_name_are_told_with_both_places(check):
    errors, _ = check(f=ROUTE)

    assert errors == ["specs/f.yaml:1: HTTPTrigger hello is there twice; first in specs/e.yaml:1"]
    spaced = ROUTE.replace("name: hello\nspec", "name: hello\n  namespace: default\nspec")
    errors, _ = check(f=spaced, namespace="default")
    assert errors == [
        "specs/f.yaml:1: HTTPTrigger default/hello is there twice; first in specs/e.yaml:1"
    ]


def test_archives_are_there_once_and_used(check):
    errors, _ = check(
        b=PACKAGE.replace("archive://files", "archive://file"),
        f=ARCHIVE + "---\nkind: ArchiveUploadSpec\nname: more\ninclude: [a]\n",
    )

    assert errors == [
        "specs/b.yaml:9: Package code: spec.deployment.url: there is no archive file;"
        " did you mean files?",
        "specs/c.yaml:1: ArchiveUploadSpec files is used by no package",
        "specs/f.yaml:1: ArchiveUploadSpec files is there twice; first in specs/c.yaml:1",
        "specs/f.yaml:5: ArchiveUploadSpec more is used by no package",
    ]


def test_references_lead_to_something(check):
    weights = ROUTE.replace(
        "{type: name, name: hello}",
        "{type: function-weights, name: '', functionweights: {hello: 50, helo: 50}}",
    )
    errors, warnings = check(
        a="",
        d=FUNCTION.replace("name: code", "name: cod"),
        e=weights,
    )

    assert errors == [
        "specs/d.yaml:8: Function hello: spec.package.packageref.name:"
        " there is no Package cod in these specs; did you mean code?",
        "specs/e.yaml:8: HTTPTrigger hello: spec.functionref.functionweights[helo]:"
        " there is no Function helo in these specs; did you mean hello?",
    ]
    assert warnings == [
        "specs/b.yaml:1: Package code is used by no function",
        "specs/b.yaml:6: Package code: spec.environment.name:"
        " there is no Environment python in these specs",
        "specs/d.yaml:6: Function hello: spec.environment.name:"
        " there is no Environment python in these specs",
    ]


def test_references_do_not_leave_their_namespace(check):
    errors, _ = check(e=ROUTE.replace("name: hello\nspec", "name: hello\n  namespace: shop\nspec"))

    assert errors == [
        "specs/e.yaml:9: HTTPTrigger shop/hello: spec.functionref.name: there is no Function hello"
        " in these specs; it is in namespace default, and only its own may use it"
    ]
    assert check(force=True)[0] == []


def test_a_canary_needs_its_route_and_its_functions(check):
    errors, _ = check(
        f="""\
        apiVersion: fission.io/v1
        kind: CanaryConfig
        metadata: {name: c}
        spec: {trigger: helo, newfunction: hello, oldfunction: old}
        """
    )

    assert len(errors) == 2
    assert "there is no HTTPTrigger helo in these specs; did you mean hello?" in errors[0]
    assert "there is no Function old" in errors[1]


def test_what_is_out_of_date_is_a_warning(check):
    _, warnings = check(
        a=ENVIRONMENT + "---\n" + ENVIRONMENT.replace("python", "other"),
        d=FUNCTION.replace("{name: python", "{name: other"),
        e=ROUTE + "  host: example.com\n  method: GET\n",
    )

    assert warnings == [
        "specs/d.yaml:6: Function hello: spec.environment.name:"
        " runs in other, its package code is for python",
        "specs/e.yaml:9: HTTPTrigger hello: spec.host is deprecated;"
        " use spec.ingressconfig.host or spec.routeConfig.hostnames",
        "specs/e.yaml:10: HTTPTrigger hello: spec.method is deprecated; use spec.methods",
    ]


def test_references_into_another_namespace_are_refused_also_where_the_own_is_not_written(check):
    errors, _ = check(
        d=FUNCTION.replace("{name: python, namespace: ''}", "{name: python, namespace: x}")
    )

    assert errors == [
        'specs/d.yaml:6: Function hello: spec.environment.namespace: Invalid value: "x":'
        ' must be the object\'s own, "default"'
    ]


def test_two_routes_to_one_request_are_a_warning(check):
    _, warnings = check(f=ROUTE.replace("name: hello\nspec", "name: other\nspec"))

    assert warnings == [
        "specs/f.yaml:1: HTTPTrigger other has the host, path and methods of HTTPTrigger hello"
        " in specs/e.yaml:1"
    ]


def test_hundreds_of_objects_are_read_and_checked_at_once(check):
    many = "---\n".join(
        text.replace("name: hello", f"name: {kind}{number}").replace("/hello", f"/{number}")
        for number in range(100)
        for kind, text in (("hello", FUNCTION), ("hello", ROUTE))
    )
    check()
    before = time.process_time()

    assert check(f=many) == ([], [])
    assert time.process_time() - before < 0.5


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_document_that_somebody_damaged_is_checked_and_never_breaks_the_check(seed):
    dice = random.Random(seed)
    objs = [yaml.safe_load(text) for text in (FUNCTION, ROUTE, PACKAGE)]
    for obj in objs:
        part = obj
        while isinstance(part, dict) and part and dice.random() < 0.8:
            key = dice.choice(sorted(part))
            if dice.random() < 0.3:
                part[key] = dice.choice([None, 5, "x", [], [None], {}, {"a": {}}, True, 1.5])
            part = part[key]
    text = yaml.safe_dump_all(objs).encode()

    assert isinstance(_check_text(text), validation.Findings)


def _check_text(text):
    import pathlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        specs = pathlib.Path(folder) / "specs"
        specs.mkdir()
        (specs / "a.yaml").write_bytes(text)
        return validation.check(reading.read(specs), "default")
