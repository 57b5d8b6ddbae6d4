"""The eight kinds' places in the API, and the type that each is decoded to."""

from typing import Final

from fission.api import (
    canaryconfig_types,
    environment_types,
    function_types,
    httptrigger_types,
    kuberneteswatchtrigger_types,
    messagequeuetrigger_types,
    package_types,
    schema,
    timetrigger_types,
)
from fission.meta import gvk

GROUP: Final = "fission.io"
VERSION: Final = "v1"


def _ours(kind: str, plural: str, *short_names: str) -> gvk.Resource:
    return gvk.Resource(
        group=GROUP,
        version=VERSION,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        short_names=short_names,
        subresources=("status",),
    )


FUNCTIONS: Final = _ours("Function", "functions", "fn")
ENVIRONMENTS: Final = _ours("Environment", "environments")
PACKAGES: Final = _ours("Package", "packages", "pkg")
HTTPTRIGGERS: Final = _ours("HTTPTrigger", "httptriggers")
TIMETRIGGERS: Final = _ours("TimeTrigger", "timetriggers")
MESSAGEQUEUETRIGGERS: Final = _ours("MessageQueueTrigger", "messagequeuetriggers")
KUBERNETESWATCHTRIGGERS: Final = _ours("KubernetesWatchTrigger", "kuberneteswatchtriggers")
CANARYCONFIGS: Final = _ours("CanaryConfig", "canaryconfigs")

ALL: Final = (
    FUNCTIONS,
    ENVIRONMENTS,
    PACKAGES,
    HTTPTRIGGERS,
    TIMETRIGGERS,
    MESSAGEQUEUETRIGGERS,
    KUBERNETESWATCHTRIGGERS,
    CANARYCONFIGS,
)
BY_KIND: Final = {resource.kind: resource for resource in ALL}

TYPES: Final[dict[str, type[schema.Model]]] = {
    "Function": function_types.Function,
    "Environment": environment_types.Environment,
    "Package": package_types.Package,
    "HTTPTrigger": httptrigger_types.HTTPTrigger,
    "TimeTrigger": timetrigger_types.TimeTrigger,
    "MessageQueueTrigger": messagequeuetrigger_types.MessageQueueTrigger,
    "KubernetesWatchTrigger": kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    "CanaryConfig": canaryconfig_types.CanaryConfig,
}
