import pytest

from fission.api import (
    canaryconfig_types,
    environment_types,
    environment_validation,
    function_types,
    httptrigger_types,
    kuberneteswatchtrigger_types,
    labels,
    messagequeuetrigger_types,
    package_types,
    reference_types,
    timetrigger_types,
    validation,
)
from fission.meta import status


def a_function(**spec):
    function = function_types.Function()
    function.metadata.name = "hello"
    function.metadata.namespace = "default"
    function.spec.environment.name = "python"
    function.spec.environment.namespace = "default"
    for name, value in spec.items():
        setattr(function.spec, name, value)
    return function


def an_environment(**spec):
    environment = environment_types.Environment()
    environment.metadata.name = "python"
    environment.spec.runtime.image = "fission/python-env"
    for name, value in spec.items():
        setattr(environment.spec, name, value)
    return environment


def a_package(**spec):
    package = package_types.Package()
    package.metadata.name = "hello"
    package.spec.environment.name = "python"
    for name, value in spec.items():
        setattr(package.spec, name, value)
    return package


def a_route(**spec):
    trigger = httptrigger_types.HTTPTrigger()
    trigger.metadata.name = "hello"
    trigger.spec = httptrigger_types.HTTPTriggerSpec(
        **{
            "function_ref": reference_types.FunctionReference(name="hello"),
            "relative_url": "/hello",
            "methods": ["GET"],
            **spec,
        }
    )
    return trigger


def messages(obj):
    return [str(error) for error in validation.validate(obj)]


def with_executor(executor, **scale):
    strategy = function_types.InvokeStrategy()
    strategy.execution_strategy.executor_type = executor
    for name, value in scale.items():
        setattr(strategy.execution_strategy, name, value)
    return strategy


@pytest.mark.parametrize("make", [a_function, an_environment, a_package, a_route])
def test_a_plain_object_is_valid(make):
    assert messages(make()) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"invoke_strategy": with_executor("lambda")},
            'spec.InvokeStrategy.ExecutionStrategy.ExecutorType: Unsupported value: "lambda":'
            ' supported values: "poolmgr", "newdeploy", "container"',
        ),
        (
            {"invoke_strategy": with_executor("newdeploy")},
            "spec.InvokeStrategy.ExecutionStrategy.MaxScale: Invalid value: 0:"
            " must be greater than 0",
        ),
        (
            {"invoke_strategy": with_executor("newdeploy", min_scale=3, max_scale=2)},
            "spec.InvokeStrategy.ExecutionStrategy.MaxScale: Invalid value: 2:"
            " must be MinScale (3) or more",
        ),
        (
            {"environment": reference_types.EnvironmentReference(name="x", namespace="other")},
            'spec.environment.namespace: Invalid value: "other":'
            ' must be the object\'s own, "default"',
        ),
        (
            {"environment": reference_types.EnvironmentReference()},
            "spec.environment.name: Required value",
        ),
        (
            {"function_timeout": -1},
            "spec.functionTimeout: Invalid value: -1: must be 0 or more",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
            'spec.env[0].valueFrom: Unsupported value: "fieldRef": supported values:'
            ' "secretKeyRef", "configMapKeyRef"',
        ),
        (
            {"env_from": [{"prefix": "X_"}]},
            "spec.envFrom[0]: Required value: exactly one of secretRef and configMapRef,"
            " with a name",
        ),
        (
            {"env_from": [{"prefix": "FISSION_", "secretRef": {"name": "s"}}]},
            'spec.envFrom[0].prefix: Invalid value: "FISSION_": is reserved; choose another prefix',
        ),
        (
            {"secrets": [function_types.MountedReference(name="s", mount_path="../x")]},
            'spec.secrets[0].mountPath: Invalid value: "../x":'
            " must be a relative path that stays inside",
        ),
        (
            {
                "config_maps": [
                    function_types.MountedReference(name="a", mount_path="p"),
                    function_types.MountedReference(name="b", mount_path="p"),
                ]
            },
            'spec.configmaps[1].mountPath: Duplicate value: "p"',
        ),
        (
            {"podspec": {"hostNetwork": True}},
            "spec.podspec.hostNetwork: Forbidden: may not be set",
        ),
        (
            {"podspec": {"containers": [{"securityContext": {"privileged": True}}]}},
            "spec.podspec.containers[0].securityContext.privileged: Forbidden: may not be true",
        ),
        (
            {"podspec": {"volumes": [{"hostPath": {"path": "/"}}]}},
            "spec.podspec.volumes[0].hostPath: Forbidden: may not be mounted; use emptyDir,"
            " configMap, secret or persistentVolumeClaim",
        ),
        (
            {
                "podspec": {
                    "volumes": [
                        {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
                    ]
                }
            },
            "spec.podspec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden:"
            " may not be mounted: the token is the platform's own",
        ),
        (
            {"podspec": {"automountServiceAccountToken": True}},
            "spec.podspec.automountServiceAccountToken: Forbidden: may not be true: the token is"
            " the platform's own",
        ),
        (
            {"podspec": {"containers": [{"name": "fetcher", "image": "mine"}]}},
            "spec.podspec.containers[0].image: Forbidden: is that of the platform's own container"
            ' "fetcher"; name yours otherwise',
        ),
        (
            {
                "podspec": {
                    "containers": [
                        {"name": "c", "volumeMounts": [{"name": "fission-fetcher-sa-token"}]}
                    ]
                }
            },
            "spec.podspec.containers[0].volumeMounts[0].name: Forbidden: the volume"
            ' "fission-fetcher-sa-token" is the fetcher\'s own',
        ),
        ({"tool": function_types.Tool(input_schema={})}, "spec.tool.description: Required value"),
    ],
)
def test_what_a_function_may_not_say(spec, message):
    assert messages(a_function(**spec)) == [message]


def a_container_function(*, ports=({"containerPort": 80},), **spec):
    container = {"name": "c", "image": "i", "ports": list(ports)}
    return a_function(
        environment=reference_types.EnvironmentReference(),
        invoke_strategy=with_executor("container", max_scale=1),
        podspec={"containers": [container]},
        **spec,
    )


def test_windows_of_provisioned_concurrency_are_read_beforehand():
    block = function_types.ProvisionedConcurrency(
        1,
        [
            function_types.ProvisionedWindow("day", "0 8 * * MON-FRI", "10h", 5),
            function_types.ProvisionedWindow("day", "61 8 * * *", "1h30m", -1),
            function_types.ProvisionedWindow("", "@daily", "0h", 0),
        ],
    )
    found = {
        str(one).split(":")[0]
        for one in validation.validate(a_function(provisioned_concurrency=block))
    }
    path = "spec.provisionedConcurrency.windows"
    assert found == {f"{path}[1].{name}" for name in ("name", "target", "start", "duration")} | {
        f"{path}[2].{name}" for name in ("name", "duration")
    }
    many = function_types.ProvisionedConcurrency(
        1, [function_types.ProvisionedWindow(f"w{n}", "@daily", "1h", 1) for n in range(33)]
    )
    (fault,) = validation.validate(a_function(provisioned_concurrency=many))
    assert "at most 32" in str(fault)
    (fault,) = validation.validate(
        a_function(provisioned_concurrency=function_types.ProvisionedConcurrency(), once_only=True)
    )
    assert "onceOnly" in str(fault)


def test_a_container_function_has_one_container_with_one_port():
    path = "spec.podspec.containers"
    assert messages(a_container_function()) == []
    assert messages(a_container_function(ports=())) == [
        f"{path}[0].ports: Invalid value: []: exactly one port with a containerPort, that which"
        " the image listens on"
    ]
    function = a_container_function()
    function.spec.podspec = {}
    assert messages(function) == [
        f"{path}: Invalid value: 0: the container executor needs exactly one container"
    ]
    function.spec.podspec = {"containers": [{"ports": [{"containerPort": 80}]}]}
    assert messages(function) == [f"{path}[0].image: Required value"]


def test_a_container_function_mounts_or_says_which_variables():
    function = a_container_function(
        secrets=[function_types.MountedReference(name="s")],
        env_from=[{"configMapRef": {"name": "m"}}],
    )

    assert messages(function) == [
        "spec.secrets: Forbidden: not together with envFrom on the container executor;"
        " name it in envFrom, or leave out envFrom"
    ]


def test_what_a_file_mounts_may_leave_its_namespace_open():
    function = a_function(secrets=[function_types.MountedReference(name="s")])
    function.metadata.namespace = ""
    assert messages(function) == []


@pytest.mark.parametrize("executor", ["poolmgr", "newdeploy"])
def test_variables_are_set_by_every_executor(executor):
    function = a_function(
        invoke_strategy=with_executor(executor, max_scale=1),
        env=[
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        env_from=[{"configMapRef": {"name": "m"}}],
    )

    assert messages(function) == []


def test_reserved_variables_are_refused():
    function = a_function(
        invoke_strategy=with_executor("newdeploy", max_scale=1),
        env=[{"name": "FISSION_X"}, {"name": "PYTHONPATH"}, {"name": "MINE"}],
    )

    assert messages(function) == [
        'spec.env[0].name: Invalid value: "FISSION_X": is reserved; choose another name',
        'spec.env[1].name: Invalid value: "PYTHONPATH": is reserved; choose another name',
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtime": environment_types.Runtime()}, "spec.runtime.image: Required value"),
        ({"pool_size": -1}, "spec.poolsize: Invalid value: -1: must be 0 or more"),
        (
            {"version": 4},
            'spec.version: Unsupported value: 4: supported values: "1", "2", "3"',
        ),
        (
            {"allowed_functions_per_container": "many"},
            'spec.allowedFunctionsPerContainer: Unsupported value: "many":'
            ' supported values: "", "single", "infinite"',
        ),
    ],
)
def test_what_an_environment_may_not_say(spec, message):
    assert messages(an_environment(**spec)) == [message]


def test_the_version_of_an_environment_does_not_change():
    errors = environment_validation.validate_update(an_environment(), an_environment(version=2))

    assert [str(error) for error in errors] == [
        "spec.version: Invalid value: 2: version is immutable"
    ]


def test_a_container_that_is_the_runtime_bears_the_environments_name():
    environment = an_environment()
    environment.spec.runtime.podspec = {
        "containers": [{"name": "other", "image": "fission/python-env"}]
    }

    assert messages(environment) == [
        'spec.runtime.podspec.containers[0].name: Invalid value: "other": runs the runtime\'s'
        ' image, so it must be named as the environment, "python"'
    ]


def archive(**fields):
    return package_types.Archive(**fields)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"deployment": archive(type="literal", literal=b"x" * 262_145)},
            "spec.deployment.literal: Too long: 262145 bytes, may not be more than 262144;"
            " upload it to storagesvc",
        ),
        (
            {"deployment": archive(type="zip")},
            'spec.deployment.type: Unsupported value: "zip":'
            ' supported values: "", "literal", "url", "oci"',
        ),
        (
            {"source": archive(type="url", url="http://a", literal=b"x")},
            "spec.source: Forbidden: only one of literal, url and oci",
        ),
        (
            {
                "source": archive(
                    type="url",
                    url="http://a",
                    checksum=package_types.Checksum(type="md5", sum="1"),
                )
            },
            'spec.source.checksum.type: Unsupported value: "md5": supported values: "", "sha256"',
        ),
        (
            {"source": archive(type="oci", oci=package_types.OCIArchive(image="a"))},
            "spec.source.oci: Forbidden: only for a deployment archive",
        ),
    ],
)
def test_what_a_package_may_not_say(spec, message):
    assert messages(a_package(**spec)) == [message]


def test_a_literal_may_fill_its_limit():
    package = a_package(deployment=archive(type="literal", literal=b"x" * 262_144))

    assert messages(package) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"relative_url": ""},
            "spec.relativeurl: Required value: relativeurl or prefix must be set",
        ),
        ({"relative_url": "a"}, 'spec.relativeurl: Invalid value: "a": must start with /'),
        (
            {"relative_url": "/"},
            'spec.relativeurl: Invalid value: "/": url with only root path is not allowed',
        ),
        (
            {"prefix": "/a/../b"},
            'spec.prefix: Invalid value: "/a/../b": may not contain a .. segment',
        ),
        (
            {"relative_url": "/readyz"},
            'spec.relativeurl: Invalid value: "/readyz": is a path of the router itself',
        ),
        (
            {"relative_url": "/fission-function/x"},
            'spec.relativeurl: Invalid value: "/fission-function/x":'
            " may not start with /fission-function/",
        ),
        (
            {"host": "Example.com"},
            'spec.host: Invalid value: "Example.com": must be a lower-case DNS name',
        ),
        (
            {
                "cors_config": httptrigger_types.CorsConfig(
                    allow_origins=["*"], allow_credentials=True
                )
            },
            'spec.corsConfig.allowOrigins: Invalid value: "*":'
            " may not be * together with allowCredentials",
        ),
        (
            {"function_ref": reference_types.FunctionReference(type="function-weights")},
            "spec.functionref.functionweights: Required value",
        ),
        (
            {"route_config": httptrigger_types.RouteConfig(provider="gateway")},
            "spec.routeConfig.gateway.parentRefs: Required value",
        ),
    ],
)
def test_what_a_route_may_not_say(spec, message):
    assert messages(a_route(**spec)) == [message]


def test_an_unknown_method_is_answered_with_all_that_are_known():
    assert messages(a_route(methods=["FETCH"])) == [
        'spec.methods[0]: Unsupported value: "FETCH": supported values: "GET", "HEAD", "POST",'
        ' "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"'
    ]


def test_a_time_trigger_needs_a_time():
    trigger = timetrigger_types.TimeTrigger()
    trigger.metadata.name = "t"
    trigger.spec.function_ref.name = "hello"

    assert messages(trigger) == ["spec.cron: Required value"]
    trigger.spec.cron = "0 25 * * *"
    (message,) = messages(trigger)
    assert 'field hour "25": 25 is outside of 0-23' in message
    trigger.spec.cron = "CRON_TZ=Europe/Berlin 0 0 2 * * mon-fri"
    assert messages(trigger) == []


def test_a_missed_tick_may_be_so_late():
    trigger = timetrigger_types.TimeTrigger()
    trigger.metadata.name = "t"
    trigger.spec.function_ref.name = "hello"
    trigger.spec.cron = "@daily"
    trigger.metadata.annotations = {labels.TIMER_MISSED_GRACE: "1h"}
    assert messages(trigger) == []
    for bad in ("soon", "-1h", ""):
        trigger.metadata.annotations = {labels.TIMER_MISSED_GRACE: bad}
        (message,) = messages(trigger)
        assert "metadata.annotations[fission.io/timer-missed-grace]: Invalid value" in message


def test_a_watch_names_a_kind_alone_or_with_its_group():
    trigger = kuberneteswatchtrigger_types.KubernetesWatchTrigger()
    trigger.metadata.name = "w"
    trigger.metadata.namespace = "default"
    trigger.spec.namespace = "default"
    trigger.spec.function_ref.name = "hello"
    for good in ("pod", "POD", "Service", "cm", "Deployment", "deployments.apps"):
        trigger.spec.type = good
        assert messages(trigger) == []

    trigger.spec.type = "pods/log"
    assert messages(trigger) == [
        'spec.type: Unsupported value: "pods/log": supported values: "pod", "service",'
        ' "replicationcontroller", "job", "<resource>", "<resource>.<group>"'
    ]


def test_a_queue_trigger_does_not_answer_into_the_topic_that_it_reads():
    trigger = messagequeuetrigger_types.MessageQueueTrigger()
    trigger.metadata.name = "q"
    trigger.spec.function_ref.name = "hello"
    trigger.spec.message_queue_type = "kafka"
    trigger.spec.topic = trigger.spec.response_topic = "t"

    assert messages(trigger) == [
        'spec.respTopic: Invalid value: "t": listen topic should not equal to response topic'
    ]


def test_queue_types_depend_on_the_kind():
    trigger = messagequeuetrigger_types.MessageQueueTrigger()
    trigger.metadata.name = "q"
    trigger.spec.function_ref.name = "hello"
    trigger.spec.message_queue_type = "redis"
    trigger.spec.topic = "t"
    assert messages(trigger) == []

    trigger.spec.mqt_kind = "fission"
    assert messages(trigger) == []

    trigger.spec.message_queue_type = "stan"
    assert messages(trigger) == [
        'spec.messageQueueType: Unsupported value: "stan": supported values: "kafka", '
        '"nats-jetstream", "rabbitmq", "redis", "statestore"'
    ]

    trigger.spec.message_queue_type = "statestore"
    for kind, is_good in (("fission", True), ("", True), ("keda", False)):
        trigger.spec.mqt_kind = kind
        assert (messages(trigger) == []) is is_good


def test_a_topic_of_statestore_is_a_name_and_not_its_own_error_topic():
    trigger = messagequeuetrigger_types.MessageQueueTrigger()
    trigger.metadata.name = "q"
    trigger.spec.function_ref.name = "hello"
    trigger.spec.message_queue_type = "statestore"
    trigger.spec.topic = trigger.spec.error_topic = "-t"
    trigger.spec.max_replica_count = 0

    assert [text.partition(":")[0] for text in messages(trigger)] == [
        "spec.topic",
        "spec.errorTopic",
        "spec.errorTopic",
        "spec.maxReplicaCount",
    ]


def test_a_canary_needs_two_different_functions():
    config = canaryconfig_types.CanaryConfig()
    config.metadata.name = "c"
    config.spec.trigger = "t"
    config.spec.new_function = config.spec.old_function = "f"

    assert messages(config) == ['spec.newfunction: Invalid value: "f": must not be oldfunction']


def test_all_faults_are_raised_as_one_status():
    function = a_function(function_timeout=-1, concurrency=-2)

    with pytest.raises(status.Invalid) as caught:
        validation.check(function)

    assert str(caught.value) == (
        'Function.fission.io "hello" is invalid: '
        "[spec.functionTimeout: Invalid value: -1: must be 0 or more, "
        "spec.concurrency: Invalid value: -2: must be 0 or more]"
    )
    assert [cause.field for cause in caught.value.causes] == [
        "spec.functionTimeout",
        "spec.concurrency",
    ]


@pytest.mark.parametrize("name", ["Hello", "a_b", "-a", "a" * 64, "a.b"])
def test_names_are_dns_labels(name):
    function = a_function()
    function.metadata.name = name

    assert messages(function)[0].startswith("metadata.name: Invalid value: ")


@pytest.mark.parametrize("text", ["none", "open", "ports:443", "ports:443, 5432"])
def test_where_functions_may_connect_to(text):
    environment = an_environment()
    environment.metadata.annotations["fission.io/outbound"] = text
    assert messages(environment) == []


@pytest.mark.parametrize("text", ["", "all", "ports:", "ports:0", "ports:65536", "ports:443,x"])
def test_other_words_for_it_are_refused(text):
    environment = an_environment()
    environment.metadata.annotations["fission.io/outbound"] = text
    assert messages(environment) == [
        f'metadata.annotations[fission.io/outbound]: Invalid value: "{text}": must be none, open, '
        "or ports: and numbers from 1 to 65535, as in ports:443,5432"
    ]
