"""Function: code in a package, the environment that runs it, and how it is scaled and called."""

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import executors, reference_types, schema
from fission.meta import objectmeta

POOLMGR: Final = executors.POOLMGR
NEWDEPLOY: Final = executors.NEWDEPLOY
CONTAINER: Final = executors.CONTAINER
EXECUTOR_TYPES: Final = executors.TYPES
STRATEGY_EXECUTION: Final = "execution"
RESERVED_ENV_PREFIX: Final = "FISSION_"
RESERVED_ENV: Final = (
    "RESOURCE_VERSION_COUNT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "PYTHONPATH",
)
"""Variables that a function may not set: they change what the runtime itself is or reaches."""

_POOLED: Final = "self.ExecutorType in ['', 'poolmgr']"
_EXECUTOR: Final = "self.InvokeStrategy.ExecutionStrategy"
_NO_CONTAINER: Final = (
    "!has(self.InvokeStrategy.ExecutionStrategy)"
    f" || !has({_EXECUTOR}.ExecutorType) || {_EXECUTOR}.ExecutorType != 'container'"
)
_ONE_CONTAINER: Final = "has(self.podspec.containers) && size(self.podspec.containers) == 1"


class PackageRef(schema.Model):
    """The Package, at the resourceVersion that it had when the function was pointed at it."""

    written: ClassVar[tuple[str, ...]] = ("namespace", "name")
    required: ClassVar[tuple[str, ...]] = ("namespace", "name")

    namespace: Annotated[str, schema.doc("Namespace of the package.")] = ""
    name: Annotated[str, schema.label_or_empty("Name of the package.")] = ""
    resource_version: Annotated[
        str,
        schema.doc("resourceVersion of the package; a new value makes functions load it again."),
    ] = field(default="", name="resourceversion")


class FunctionPackageRef(schema.Model):
    """Where the code is, and where it starts."""

    written: ClassVar[tuple[str, ...]] = ("package_ref",)

    package_ref: Annotated[PackageRef, schema.doc("The package that holds the code.")] = field(
        default_factory=PackageRef, name="packageref"
    )
    function_name: Annotated[
        str, schema.doc("Entry point inside the package; its form is the language's own.")
    ] = ""


_SEGMENT: Final = r"([^/\\.][^/\\]*|\.[^/\\.][^/\\]*|\.\.[^/\\]+)"
_RELATIVE: Final = f"^({_SEGMENT}(/{_SEGMENT})*)?$"
"""A path that stays below where it is joined to; as a pattern it costs no budget of CEL."""


class MountedReference(schema.Model):
    """A Secret or ConfigMap that the function reads as files."""

    written: ClassVar[tuple[str, ...]] = ("namespace", "name")
    required: ClassVar[tuple[str, ...]] = ("namespace", "name")

    namespace: Annotated[str, schema.doc("Its namespace; must be the function's.")] = ""
    name: Annotated[str, schema.label("Its name.")] = ""
    mount_path: Annotated[
        str,
        schema.doc(
            "Relative directory instead of `<namespace>/<name>`, below the root of its sort.",
            maxLength=1024,
            pattern=_RELATIVE,
        ),
    ] = ""


class ExecutionStrategy(schema.Model, rename="pascal"):
    """Which executor gives the function an address, and its bounds."""

    written: ClassVar[tuple[str, ...]] = ("executor_type",)
    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule(
            f"!has(self.ExecutorType) || {_POOLED} || (has(self.MaxScale) && self.MaxScale > 0)",
            "MaxScale must be greater than 0 for newdeploy and container",
            ".MaxScale",
        ),
        schema.Rule(
            f"!has(self.ExecutorType) || {_POOLED} || !has(self.MinScale) || !has(self.MaxScale)"
            " || self.MaxScale <= 0 || self.MaxScale >= self.MinScale",
            "MaxScale must be MinScale or more",
            ".MaxScale",
        ),
        schema.Rule(
            f"!has(self.ExecutorType) || {_POOLED} || !has(self.TargetCPUPercent)"
            " || (self.TargetCPUPercent >= 0 && self.TargetCPUPercent <= 100)",
            "TargetCPUPercent must be 0 to 100",
            ".TargetCPUPercent",
        ),
    )

    executor_type: Annotated[
        str,
        schema.doc("Who runs the function; empty is `poolmgr`.", enum=["", *EXECUTOR_TYPES]),
    ] = ""
    min_scale: Annotated[int, schema.doc("Least pods; newdeploy and container.", minimum=0)] = 0
    max_scale: Annotated[int, schema.doc("Most pods; newdeploy and container.", minimum=0)] = 0
    target_cpu_percent: Annotated[
        int, schema.doc("Deprecated: CPU target of the autoscaler; use `hpaMetrics`.")
    ] = field(default=0, name="TargetCPUPercent")
    specialization_timeout: Annotated[
        int, schema.doc("Seconds that making a pod ready may take; less than 120 is 120.")
    ] = 0
    hpa_metrics: Annotated[
        list[dict[str, Any]] | None,
        schema.doc("`autoscaling/v2` MetricSpecs.", items={"type": "object", **schema.OPAQUE}),
    ] = field(default=None, name="hpaMetrics")
    hpa_behavior: Annotated[
        dict[str, Any] | None,
        schema.doc("`autoscaling/v2` HorizontalPodAutoscalerBehavior.", **schema.OPAQUE),
    ] = field(default=None, name="hpaBehavior")


class InvokeStrategy(schema.Model, rename="pascal"):
    """How the function is run."""

    written: ClassVar[tuple[str, ...]] = ("strategy_type", "execution_strategy")

    strategy_type: Annotated[
        str, schema.doc("Kind of strategy.", enum=["", STRATEGY_EXECUTION])
    ] = STRATEGY_EXECUTION
    execution_strategy: Annotated[ExecutionStrategy, schema.doc("Executor and its bounds.")] = (
        field(default_factory=ExecutionStrategy)
    )


class Streaming(schema.Model):
    """Its presence lets answers stream beyond `functionTimeout`."""

    protocol: Annotated[
        str,
        schema.doc(
            "What is streamed.", enum=["auto", "sse", "chunked", "websocket"], default="auto"
        ),
    ] = "auto"
    idle_timeout_seconds: Annotated[int, schema.doc("Longest silence; 0 is 60.", minimum=0)] = 0
    max_duration_seconds: Annotated[
        int, schema.doc("Longest stream; 0 is no limit.", minimum=0)
    ] = 0


class Tool(schema.Model):
    """Exposes the function as a tool of the Model Context Protocol."""

    description: Annotated[str, schema.doc("What the tool is for.")] = ""
    input_schema: Annotated[
        dict[str, Any] | None, schema.doc("JSON schema of the arguments.", **schema.OPAQUE)
    ] = None
    tool_name: Annotated[
        str,
        schema.doc(
            "Name of the tool; `<namespace>-<function>` if empty.",
            pattern="^([a-zA-Z0-9_-]{1,64})?$",
        ),
    ] = ""
    alias: Annotated[str, schema.label_or_empty("FunctionAlias that calls go to.")] = ""


class StateSticky(schema.Model):
    """What requests are kept on one pod by."""

    required: ClassVar[tuple[str, ...]] = ("source", "name")
    written: ClassVar[tuple[str, ...]] = ("source", "name")

    source: Annotated[str, schema.doc("Where the key is found.", enum=["header", "queryparam"])] = (
        "header"
    )
    name: Annotated[str, schema.doc("Name of the header or parameter.", minLength=1)] = ""


class State(schema.Model):
    """Keyed state that the function may keep."""

    keyspace: Annotated[
        str,
        schema.doc(
            "Its name; the function's if empty.",
            pattern="^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$",
            maxLength=63,
        ),
    ] = ""
    default_ttl: Annotated[
        str, schema.doc("How long a value is kept, as a duration such as `1h`.")
    ] = field(default="", name="defaultTTL")
    max_value_bytes: Annotated[
        int, schema.doc("Largest value; 0 is 262144.", minimum=0, format="int64")
    ] = 0
    max_keys: Annotated[int, schema.doc("Most keys; 0 is 10000.", minimum=0, format="int64")] = 0
    backend: Annotated[str, schema.doc("Where state is kept; empty is the built-in store.")] = ""
    sticky: Annotated[StateSticky | None, schema.doc("Sends requests with one key to one pod.")] = (
        None
    )


class Retry(schema.Model):
    """How often, and after which pauses, an asynchronous call is repeated."""

    max_attempts: Annotated[
        int, schema.doc("Attempts in all; absent is the default.", minimum=1, maximum=3)
    ] = 0
    backoff_base: Annotated[str, schema.doc("First pause, a duration.")] = ""
    backoff_cap: Annotated[str, schema.doc("Longest pause, a duration.")] = ""
    jitter: Annotated[bool | None, schema.doc("Whether pauses are varied at random.")] = None


class TopicDestination(schema.Model):
    """A topic that results are published to."""

    required: ClassVar[tuple[str, ...]] = ("messageQueueType", "topic")
    written: ClassVar[tuple[str, ...]] = ("message_queue_type", "topic")

    message_queue_type: Annotated[str, schema.doc("Which queue.", enum=["statestore", "kafka"])] = (
        "statestore"
    )
    topic: Annotated[str, schema.doc("Its topic.", pattern="^[a-zA-Z0-9._-]+$", maxLength=249)] = ""


class Destination(schema.Model):
    """Where the result of an asynchronous call goes: a function or a topic."""

    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule(
            "has(self.__function__) != has(self.topic)", "exactly one of function and topic"
        ),
    )

    function: Annotated[
        reference_types.FunctionReference | None, schema.doc("Function to call.")
    ] = None
    topic: Annotated[TopicDestination | None, schema.doc("Topic to publish to.")] = None


class Invocation(schema.Model):
    """Settings of asynchronous calls."""

    retry: Annotated[Retry | None, schema.doc("Repetition of failed calls.")] = None
    max_age: Annotated[str, schema.doc("Oldest call still delivered; at most `168h`.")] = ""
    on_success: Annotated[Destination | None, schema.doc("Where good results go.")] = None
    on_failure: Annotated[Destination | None, schema.doc("Where calls that failed go.")] = None


class ProvisionedWindow(schema.Model):
    """A recurring time during which another number of pods is kept."""

    required: ClassVar[tuple[str, ...]] = ("name", "start", "duration", "target")
    written: ClassVar[tuple[str, ...]] = ("name", "start", "duration", "target")

    name: Annotated[str, schema.doc("Its name.", minLength=1, maxLength=63)] = ""
    start: Annotated[str, schema.doc("When it begins, a cron expression.", minLength=1)] = ""
    duration: Annotated[
        str,
        schema.doc("How long it lasts.", pattern="^[0-9]+(ns|us|µs|ms|s|m|h)$"),
    ] = ""
    target: Annotated[int, schema.doc("Pods kept during it.", minimum=0)] = 0


class ProvisionedConcurrency(schema.Model):
    """Specialized pods that are kept whether or not there are calls."""

    required: ClassVar[tuple[str, ...]] = ("target",)
    written: ClassVar[tuple[str, ...]] = ("target",)

    target: Annotated[int, schema.doc("Pods kept.", minimum=1)] = 1
    windows: Annotated[
        list[ProvisionedWindow],
        schema.doc("Times with another target.", maxItems=32, **schema.MAP_BY_NAME),
    ] = field(default_factory=list)


class Versioning(schema.Model):
    """Publication of immutable versions."""

    mode: Annotated[
        str, schema.doc("Who publishes: every change, or a person.", enum=["auto", "manual"])
    ] = "auto"
    retain: Annotated[int | None, schema.doc("Versions kept; absent is 10.", minimum=1)] = None


_ENV_VAR: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 1024},
        "value": {"type": "string"},
        "valueFrom": {
            "type": "object",
            "nullable": True,
            "properties": {
                name: {"type": "object", **schema.OPAQUE}
                for name in ("fieldRef", "resourceFieldRef", "fileKeyRef")
            },
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.fieldRef) && !has(self.resourceFieldRef)"
                    " && !has(self.fileKeyRef)",
                    "message": "supported values: secretKeyRef, configMapKeyRef",
                }
            ],
            **schema.OPAQUE,
        },
    },
    "x-kubernetes-validations": [
        {
            "rule": f"!self.name.startsWith('{RESERVED_ENV_PREFIX}')"
            f" && !(self.name in {list(RESERVED_ENV)})",
            "message": "is reserved; choose another name",
            "fieldPath": ".name",
        }
    ],
    **schema.OPAQUE,
}


class FunctionSpec(schema.Model):
    """What a function is."""

    written: ClassVar[tuple[str, ...]] = ("environment", "package", "invoke_strategy")
    required: ClassVar[tuple[str, ...]] = ("environment", "package", "InvokeStrategy")
    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule(
            f"({_NO_CONTAINER}) ? (has(self.environment.name) && self.environment.name != '')"
            " : has(self.podspec)",
            "environment.name is required; by the container executor, podspec",
        ),
        schema.Rule(
            f"!has(self.podspec) || (({_NO_CONTAINER}) ? true : {_ONE_CONTAINER})",
            "podspec.containers: the container executor needs exactly one container",
            ".podspec",
        ),
        schema.Rule(
            f"!has(self.podspec) || (({_NO_CONTAINER}) ? true : !({_ONE_CONTAINER})"
            " || self.podspec.containers.all(c, has(c.image) && c.image != ''))",
            "podspec.containers[0].image is required by the container executor",
            ".podspec",
        ),
        schema.Rule(
            f"!has(self.podspec) || (({_NO_CONTAINER}) ? true : !({_ONE_CONTAINER})"
            " || self.podspec.containers.all(c, has(c.ports) && size(c.ports) == 1))",
            "podspec.containers[0].ports must be exactly one port, that which the image listens on",
            ".podspec",
        ),
    )

    environment: Annotated[
        reference_types.EnvironmentReference,
        schema.doc("Environment that runs the code; empty name only with a container image."),
    ] = field(default_factory=reference_types.EnvironmentReference)
    package: Annotated[FunctionPackageRef, schema.doc("The code.")] = field(
        default_factory=FunctionPackageRef
    )
    secrets: Annotated[
        list[MountedReference],
        schema.doc("Secrets that appear as files.", nullable=True, **schema.MAP_BY_NAME),
    ] = field(default_factory=list)
    config_maps: Annotated[
        list[MountedReference],
        schema.doc("ConfigMaps that appear as files.", nullable=True, **schema.MAP_BY_NAME),
    ] = field(default_factory=list, name="configmaps")
    env: Annotated[
        list[dict[str, Any]],
        schema.doc(
            "`corev1.EnvVar`s of the function.", nullable=True, maxItems=256, items=_ENV_VAR
        ),
    ] = field(default_factory=list)
    env_from: Annotated[
        list[dict[str, Any]],
        schema.doc(
            "`corev1.EnvFromSource`s of the function.",
            nullable=True,
            maxItems=64,
            items={"type": "object", **schema.OPAQUE},
        ),
    ] = field(default_factory=list)
    resources: Annotated[
        dict[str, Any],
        schema.resources("CPU and memory over the environment's; newdeploy and container."),
    ] = field(default_factory=dict)
    invoke_strategy: Annotated[InvokeStrategy, schema.doc("How it is run.")] = field(
        default_factory=InvokeStrategy, name="InvokeStrategy"
    )
    function_timeout: Annotated[
        int, schema.doc("Seconds that a request may take; 0 is 60.", minimum=0)
    ] = 0
    idle_timeout: Annotated[
        int | None,
        schema.doc("Seconds without a request after which a pod is taken away; absent is 120."),
    ] = field(default=None, name="idletimeout")
    concurrency: Annotated[
        int, schema.doc("Most pods of a poolmgr function; 0 is 500.", minimum=0)
    ] = 0
    requests_per_pod: Annotated[
        int, schema.doc("Requests that a pod serves at once; 0 is 1.", minimum=0)
    ] = 0
    once_only: Annotated[bool, schema.doc("Each pod serves one request and no more.")] = False
    retain_pods: Annotated[int, schema.doc("Idle specialized pods that are kept.", minimum=0)] = 0
    streaming: Annotated[Streaming | None, schema.doc("Present: answers may stream.")] = None
    tool: Annotated[Tool | None, schema.doc("Present: the function is an MCP tool.")] = None
    state: Annotated[State | None, schema.doc("Present: the function keeps keyed state.")] = None
    invocation: Annotated[Invocation | None, schema.doc("Settings of asynchronous calls.")] = None
    provisioned_concurrency: Annotated[
        ProvisionedConcurrency | None, schema.doc("Pods kept warm; poolmgr.")
    ] = None
    versioning: Annotated[Versioning | None, schema.doc("Present: versions are published.")] = None
    podspec: Annotated[
        dict[str, Any] | None,
        schema.podspec("`corev1.PodSpec`: the container executor's pod; merged for the others."),
    ] = None


class FunctionStatus(reference_types.Status):
    """What is known of a function. Written by the executor."""

    provisioned_ready: Annotated[int, schema.doc("Provisioned pods that are ready.")] = 0
    provisioned_target: Annotated[int, schema.doc("Provisioned pods aimed at.")] = 0
    provisioned_spec_target: Annotated[
        int, schema.doc("Provisioned pods asked for, before a cap.")
    ] = 0


class Function(schema.Model):
    """A function."""

    api_version: str = "fission.io/v1"
    kind: str = "Function"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: FunctionSpec = msgspec.field(default_factory=FunctionSpec)
    status: FunctionStatus = msgspec.field(default_factory=FunctionStatus)
