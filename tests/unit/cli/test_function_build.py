import types

import pytest

from fission.api import function_types, function_validation
from fission.cli import errors
from fission.cli.function import build, container

FLAGS = (
    "entrypoint executortype fntimeout specializationtimeout idletimeout concurrency requestsperpod"
    " onceonly retainpods minscale maxscale targetcpu mincpu maxcpu minmemory maxmemory labels"
    " image port command args graceperiod imagepullsecret"
)
LISTS = "secret configmap env_var env_from_secret env_from_configmap annotation"


def given(**flags):
    nothing = dict.fromkeys(FLAGS.split()) | dict.fromkeys(LISTS.split(), ())
    return types.SimpleNamespace(**(nothing | flags))


def a_function(**flags):
    return build.make_function("hello", "default", given(**flags))


def execution(function):
    return function.spec.invoke_strategy.execution_strategy


def scale(function):
    found = execution(function)
    return found.min_scale, found.max_scale, found.target_cpu_percent


def a_container(**flags):
    return container.make_function("web", "default", given(image="web:1", **flags))


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({}, (1, 1, 80)),
        ({"minscale": 0}, (0, 1, 80)),
        ({"minscale": 2}, (2, 2, 80)),
        ({"maxscale": 5, "targetcpu": 50}, (1, 5, 50)),
    ],
)
def test_the_scale_of_a_function_with_a_deployment(flags, wanted):
    assert scale(a_function(executortype="newdeploy", **flags)) == wanted
    assert scale(a_container(**flags)) == wanted


def test_a_switch_of_executors_resets_the_scale():
    function = a_function(executortype="newdeploy", minscale=2, maxscale=9)

    build.apply(function, given(executortype="poolmgr"))
    assert scale(function) == (0, 0, 0)
    build.apply(function, given(executortype="newdeploy"))
    assert scale(function) == (1, 1, 80)
    build.apply(function, given(executortype="newdeploy", maxscale=4))
    assert scale(function) == (1, 4, 80)


def test_a_target_of_metrics_of_ones_own_is_not_added_to():
    function = a_function()
    execution(function).hpa_metrics = [{"type": "Pods"}]

    build.apply(function, given(executortype="newdeploy"))

    assert scale(function) == (1, 1, 0)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"executortype": "newdeploy", "targetcpu": 101}, "--targetcpu 101: must be 1 to 100"),
        (
            {"executortype": "newdeploy", "minscale": 3, "maxscale": 2},
            "minscale (3) is greater than maxscale (2)",
        ),
        ({"specializationtimeout": 119}, "specializationtimeout must be 120 seconds or more"),
        ({"env_var": ("A",)}, "invalid --env-var: 'A' is not KEY=VALUE"),
        (
            {"env_from_secret": ("s/",)},
            "invalid --env-from-secret: 's/' is not name, name/key or name/key:ENV",
        ),
        (
            {"executortype": "container"},
            "this command does not support creating container functions",
        ),
    ],
)
def test_flags_that_contradict(flags, message):
    with pytest.raises(errors.UsageError) as caught:
        a_function(**flags)
    assert str(caught.value) == message


def test_variables_from_flags():
    function = a_function(
        env_var=("A=1", "B=x=y"),
        env_from_secret=("s", "t/key:NAME"),
        env_from_configmap=("m/key",),
    )

    assert function.spec.env == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "x=y"},
        {"name": "NAME", "valueFrom": {"secretKeyRef": {"name": "t", "key": "key"}}},
        {"name": "key", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "key"}}},
    ]
    assert function.spec.env_from == [{"secretRef": {"name": "s"}}]
    assert build.names_of_sources(function.spec) == (["t", "s"], ["m"])
    assert build.names_of_sources(a_function(secret=("s", "s")).spec) == (["s"], [])


def test_flags_without_effect_are_told():
    assert build.warnings(given(mincpu=1), a_function().spec) == [
        "CPU and memory of a poolmgr function are those of its environment; set them with"
        " `fission env update`"
    ]
    function = a_function(executortype="newdeploy")
    assert build.warnings(given(concurrency=1, onceonly=True), function.spec) == [
        "--concurrency, --onceonly: without effect on a newdeploy function"
    ]


def test_variables_that_an_update_drops_are_told():
    before = a_function(env_var=("A=1", "B=2"), env_from_secret=("s",))
    after = a_function(env_var=("A=3",))

    assert build.warnings(given(), after.spec, before.spec) == [
        "flags of variables replace all of them; these are gone: B, those of Secret s"
    ]


def test_an_image_as_a_function():
    function = a_container(
        port=80,
        command="sh -c 'exec web'",
        args="--port 80",
        imagepullsecret="p",
        mincpu=100,
        env_var=("A=1",),
    )

    assert function.spec.podspec == {
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "ports": [{"name": "http-env", "containerPort": 80}],
                "command": ["sh", "-c", "exec web"],
                "args": ["--port", "80"],
            }
        ],
        "terminationGracePeriodSeconds": 360,
        "imagePullSecrets": [{"name": "p"}],
    }
    assert execution(function).executor_type == function_types.CONTAINER
    assert function.spec.resources == {"requests": {"cpu": "100m"}, "limits": {"cpu": "100m"}}
    assert function_validation.validate(function) == []


def test_an_update_of_an_image_leaves_the_rest():
    function = a_container(port=80, command="run", minscale=2, maxscale=3)
    before = function.spec.podspec["containers"][0]

    container.apply(function, given(image="web:2"))
    assert function.spec.podspec["containers"] == [{**before, "image": "web:2"}]
    assert scale(function) == (2, 3, 80)

    container.apply(function, given(port=81, command=""))
    changed = function.spec.podspec["containers"][0]
    assert changed["ports"] == [{"name": "http-env", "containerPort": 81}]
    assert "command" not in changed


def test_each_command_changes_its_own_sort():
    with pytest.raises(errors.UsageError) as caught:
        container.apply(a_function(), given(image="x"))
    assert str(caught.value) == "executor type of this function is poolmgr, not container"
    assert caught.value.remedy == "change it with `fission fn update`"
    with pytest.raises(errors.UsageError) as caught:
        build.apply(a_container(), given(fntimeout=1))
    assert str(caught.value) == "this function runs an image"
    assert caught.value.remedy == "change it with `fission fn update-container`"
