"""What is wanted against what is there: equal, different, in which order, and again after that."""

import asyncio
import copy
import itertools
import pathlib

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import fission.api
from fission.api import resources
from fission.cli.spec import comparing, planning, wanting, writing
from fission.meta import status

UID, NAME = "uid-of-shop", "shop"
CRDS = pathlib.Path(fission.api.__file__).parent / "crds"


def an_object(kind, name, spec, **metadata):
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": spec,
    }


def a_function(name="hello", package="hello", timeout=60, **metadata):
    reference = {"name": package, "namespace": "default"}
    spec = {
        "environment": {"name": "python", "namespace": "default"},
        "package": {"packageref": reference, "functionName": "main.main"},
        "functionTimeout": timeout,
    }
    return an_object("Function", name, spec, **metadata)


def a_package(name="hello", literal="aGVsbG8=", **spec):
    environment = {"name": "python", "namespace": "default"}
    deployment = {"type": "literal", "literal": literal}
    return an_object(
        "Package", name, {"environment": environment, "deployment": deployment, **spec}
    )


def wanted(*objs):
    return [wanting.make(wanting.fill_namespaces(obj, "default"), NAME, UID) for obj in objs]


def key(kind, name):
    return planning.Key(kind, "default", name)


class FakeStore:
    """Objects in memory, as the API server keeps them."""

    def __init__(self):
        self.objects = {}
        self.versions = itertools.count(1)
        self.writes = []

    async def get(self, resource, name, namespace):
        found = self.objects.get(planning.Key(resource.kind, namespace, name))
        if found is None:
            raise status.not_found(resource, name)
        return copy.deepcopy(found)

    async def create(self, resource, obj):
        place = planning.key_of(obj)
        if place in self.objects:
            raise status.already_exists(resource, place.name)
        return self._put(place, {**copy.deepcopy(obj), "kind": resource.kind})

    async def replace(self, resource, obj):
        place = planning.key_of(obj)
        there = await self.get(resource, place.name, place.namespace)
        if there["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise status.Conflict("somebody was faster")
        return self._put(place, copy.deepcopy(obj))

    async def delete(self, resource, name, namespace):
        await self.get(resource, name, namespace)
        self.writes.append(f"delete {resource.kind} {name}")
        del self.objects[planning.Key(resource.kind, namespace, name)]

    def _put(self, place, obj):
        self.writes.append(f"put {place.kind} {place.name}")
        for path, value in comparing.SERVER_DEFAULTS.get(obj["kind"], {}).items():
            if len(path) == 1:
                obj["spec"].setdefault(path[0], value)
        obj["metadata"]["resourceVersion"] = str(next(self.versions))
        obj["metadata"].setdefault("uid", f"uid-{next(self.versions)}")
        self.objects[place] = obj
        return copy.deepcopy(obj)


def apply(store, objs, **options):
    """Plan and do it; the plan."""
    live = copy.deepcopy(store.objects)
    plan = planning.make_plan(wanted(*objs), live, UID, **options)
    outcome = asyncio.run(writing.Writer(store, UID, live).run(plan.ranks))
    assert not outcome.failed
    return plan


def told(plan):
    return [f"{step.verb.value} {step.key.kind} {step.key.name}" for step in plan.steps]


def test_what_is_not_there_is_created_environments_first_and_then_nothing_is_left():
    store = FakeStore()
    route = an_object(
        "HTTPTrigger",
        "route",
        {"relativeurl": "/", "functionref": {"type": "name", "name": "hello"}, "methods": ["GET"]},
    )
    environment = an_object("Environment", "python", {"version": 3, "runtime": {"image": "py"}})
    everything = [route, a_function(), a_package(), environment]

    plan = apply(store, everything)

    assert told(plan) == [
        "created Environment python",
        "created Package hello",
        "created Function hello",
        "created HTTPTrigger route",
    ]
    package = store.objects[key("Package", "hello")]
    function = store.objects[key("Function", "hello")]
    reference = function["spec"]["package"]["packageref"]
    assert reference["resourceversion"] == package["metadata"]["resourceVersion"]
    assert function["metadata"]["annotations"] == {"fission-name": NAME, "fission-uid": UID}
    again = apply(store, everything)
    assert again.steps == []
    assert len(again.unchanged) == 4


def test_a_changed_field_is_named_with_both_values():
    store = FakeStore()
    apply(store, [a_function()])
    plan = apply(store, [a_function(timeout=90)])
    (step,) = plan.steps
    assert step.changes == [comparing.Change("spec.functionTimeout", 60, 90)]


def test_functions_are_pointed_at_code_that_changed():
    store = FakeStore()
    apply(store, [a_package(), a_function(), a_function("other")])
    plan = apply(store, [a_package(literal="b3RoZXI="), a_function(), a_function("other")])
    assert told(plan) == [
        "updated Package hello",
        "updated Function hello",
        "updated Function other",
    ]
    version = store.objects[key("Package", "hello")]["metadata"]["resourceVersion"]
    for name in ("hello", "other"):
        reference = store.objects[key("Function", name)]["spec"]["package"]["packageref"]
        assert reference["resourceversion"] == version
    assert (
        apply(store, [a_package(literal="b3RoZXI="), a_function(), a_function("other")]).steps == []
    )


def test_what_a_build_made_stays_and_functions_wait_for_the_next_one():
    def source(text):
        package = a_package()
        package["spec"]["source"] = {"type": "literal", "literal": text}
        del package["spec"]["deployment"]
        return package

    store = FakeStore()
    apply(store, [source("b25l"), a_function()])
    built = {"type": "url", "url": "http://storagesvc/1", "checksum": {"sum": "00"}}
    store.objects[key("Package", "hello")]["spec"]["deployment"] = built
    assert apply(store, [source("b25l"), a_function()]).steps == []
    assert told(apply(store, [source("dHdv"), a_function()])) == ["updated Package hello"]
    assert store.objects[key("Package", "hello")]["spec"]["deployment"] == built


def test_what_the_api_server_fills_in_is_no_change():
    timer = an_object(
        "TimeTrigger", "t", {"cron": "@daily", "functionref": {"type": "name", "name": "hello"}}
    )
    store = FakeStore()
    apply(store, [timer])
    assert store.objects[key("TimeTrigger", "t")]["spec"]["method"] == "POST"
    assert apply(store, [timer]).steps == []


def test_the_defaults_of_the_api_server_are_those_of_the_crds():
    def walk(schema, path):
        if "default" in schema:
            yield path, schema["default"]
        for name, below in schema.get("properties", {}).items():
            yield from walk(below, (*path, name))

    found = {}
    for path in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        defaults = dict(walk(schema, ()))
        if defaults:
            found[spec["names"]["kind"]] = defaults
    assert found == comparing.SERVER_DEFAULTS


def test_weights_that_a_canary_moved_stay_until_the_functions_are_others():
    def route(**weights):
        reference = {"type": "function-weights", "name": "", "functionweights": weights}
        return an_object("HTTPTrigger", "r", {"relativeurl": "/r", "functionref": reference})

    canary = an_object(
        "CanaryConfig", "c", {"trigger": "r", "newfunction": "b", "oldfunction": "a"}
    )
    store = FakeStore()
    apply(store, [route(a=100, b=0), canary])
    moved = store.objects[key("HTTPTrigger", "r")]["spec"]["functionref"]
    moved["functionweights"] = {"a": 60, "b": 40}
    assert apply(store, [route(a=100, b=0), canary]).steps == []
    assert told(apply(store, [route(a=100, c=0), canary])) == ["updated HTTPTrigger r"]


def test_objects_of_others_are_conflicts_until_they_may_be_taken_over():
    store = FakeStore()
    function = a_function()
    function["metadata"]["annotations"] = {"fission-name": "inventory", "fission-uid": "x"}
    asyncio.run(store.create(resources.FUNCTIONS, function))
    plan = planning.make_plan(wanted(a_function()), store.objects, UID)
    assert plan.conflicts == (key("Function", "hello"),)
    assert plan.owners == {key("Function", "hello"): "inventory"}
    assert plan.steps == []
    assert told(apply(store, [a_function()], allow_conflicts=True)) == ["updated Function hello"]
    assert apply(store, [a_function()]).steps == []


def test_what_left_the_files_is_deleted_last_and_routes_before_functions():
    store = FakeStore()
    foreign = a_function("foreign")
    asyncio.run(store.create(resources.FUNCTIONS, foreign))
    timer = an_object("TimeTrigger", "t", {"cron": "@daily", "functionref": {"name": "hello"}})
    apply(store, [a_package(), a_function(), timer])
    assert apply(store, [a_package("new")]).steps[0].verb is planning.Verb.CREATE
    plan = apply(store, [a_package("new")], delete=True)
    assert told(plan) == [
        "deleted TimeTrigger t",
        "deleted Function hello",
        "deleted Package hello",
    ]
    assert set(store.objects) == {key("Function", "foreign"), key("Package", "new")}


def test_what_another_applications_name_or_namespace_says_is_not_ours_to_delete():
    store = FakeStore()
    apply(store, [a_function("here"), a_function("copied"), a_function("prod")])
    copied = store.objects[key("Function", "copied")]
    copied["metadata"]["annotations"]["fission-name"] = "inventory"
    store.objects[planning.Key("Function", "prod", "prod")] = store.objects.pop(
        key("Function", "prod")
    )

    plan = planning.make_plan(
        (), store.objects, UID, delete=True, name=NAME, namespaces={"default"}
    )

    assert told(plan) == ["deleted Function here"]
    assert plan.kept == (planning.Key("Function", "prod", "prod"),)
    assert plan.misnamed == (key("Function", "copied"),)
    renamed = planning.make_plan(
        (), store.objects, UID, delete=True, name=NAME, allow_conflicts=True
    )
    assert len(renamed.steps) == 3


def test_what_somebody_took_over_meanwhile_is_neither_deleted_nor_changed():
    store = FakeStore()
    apply(store, [a_function(), a_function("gone"), a_function("away")])
    before = copy.deepcopy(store.objects)
    plan = planning.make_plan(wanted(a_function(timeout=10)), before, UID, delete=True)
    for name in ("hello", "gone"):
        taken = copy.deepcopy(store.objects[key("Function", name)])
        taken["metadata"]["annotations"]["fission-uid"] = "another"
        asyncio.run(store.replace(resources.FUNCTIONS, taken))
    asyncio.run(store.delete(resources.FUNCTIONS, "away", "default"))

    writer = writing.Writer(store, UID, before)
    outcome = asyncio.run(writer.run([plan.steps]))

    assert {each.step.key.name for each in outcome.failed} == {"hello", "gone"}
    assert set(store.objects) == {key("Function", "hello"), key("Function", "gone")}
    assert store.objects[key("Function", "hello")]["spec"]["functionTimeout"] == 60


def test_labels_of_tools_stay_and_those_of_the_file_win():
    store = FakeStore()
    apply(store, [a_function(labels={"team": "a", "gone": "soon"})])
    there = store.objects[key("Function", "hello")]["metadata"]
    there["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    assert apply(store, [a_function(labels={"team": "a", "gone": "soon"})]).steps == []
    apply(store, [a_function(labels={"team": "b"})])
    there = store.objects[key("Function", "hello")]["metadata"]
    assert there["labels"] == {"team": "b"}
    assert "kubectl.kubernetes.io/last-applied-configuration" in there["annotations"]


def test_what_somebody_made_or_changed_meanwhile_is_met():
    store = FakeStore()
    apply(store, [a_function()])
    stale = copy.deepcopy(store.objects)
    apply(store, [a_function(timeout=10)])
    plan = planning.make_plan(wanted(a_function(timeout=90), a_function("new")), stale, UID)
    apply(store, [a_function(timeout=10), a_function("new", timeout=5)])
    outcome = asyncio.run(writing.Writer(store, UID, stale).run(plan.ranks))
    assert not outcome.failed
    assert store.objects[key("Function", "hello")]["spec"]["functionTimeout"] == 90
    assert store.objects[key("Function", "new")]["spec"]["functionTimeout"] == 60


def test_namespaces_are_filled_or_forced():
    function = a_function()
    del function["metadata"]["namespace"]
    function["spec"]["secrets"] = [{"name": "s"}]
    function["spec"]["package"]["packageref"]["namespace"] = ""
    filled = wanting.fill_namespaces(function, "shop")
    assert filled["metadata"]["namespace"] == "shop"
    assert filled["spec"]["secrets"] == [{"name": "s", "namespace": "shop"}]
    assert filled["spec"]["package"]["packageref"]["namespace"] == "shop"
    assert filled["spec"]["environment"]["namespace"] == "default"
    forced = wanting.fill_namespaces(function, "shop", force=True)
    assert forced["spec"]["environment"]["namespace"] == "shop"


NAMES = st.sampled_from(["a", "b", "c"])
OBJECTS = st.one_of(
    st.builds(a_function, NAMES, NAMES, st.sampled_from([60, 90])),
    st.builds(a_package, NAMES, st.sampled_from(["b25l", "dHdv", ""])),
    st.builds(
        lambda name, version, grace: an_object(
            "Environment",
            name,
            {"version": version, "runtime": {"image": "py"}, **({"terminationGracePeriod": grace})},
        ),
        NAMES,
        st.integers(1, 3),
        st.sampled_from([90, 360]),
    ),
    st.builds(
        lambda name, cron: an_object(
            "TimeTrigger", name, {"cron": cron, "functionref": {"type": "name", "name": "a"}}
        ),
        NAMES,
        st.sampled_from(["@daily", "@hourly"]),
    ),
)
STATES = st.lists(OBJECTS, unique_by=planning.key_of, max_size=8)


@settings(max_examples=40, deadline=None)
@given(STATES, STATES, st.integers(0, 12))
def test_any_state_reaches_any_other_however_often_it_is_cut_short(before, after, cut):
    """Ended after so many writes and begun again, it ends as if it had never been ended."""
    store = FakeStore()
    apply(store, before, delete=True)
    plan = planning.make_plan(wanted(*after), copy.deepcopy(store.objects), UID, delete=True)
    left = iter(plan.steps)
    started = [[step] for step in itertools.islice(left, cut)]
    asyncio.run(writing.Writer(store, UID, copy.deepcopy(store.objects)).run(started))

    apply(store, after, delete=True)

    assert set(store.objects) == {planning.key_of(obj) for obj in after}
    for each in wanted(*after):
        live = store.objects[each.key]
        assert comparing.differences(live, comparing.merged(live, each.decoded)) == []
    assert apply(store, after, delete=True).steps == []
