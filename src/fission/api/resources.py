"""The eight kinds' places in the API, and the type that each is decoded to.

A type is imported when it is asked for: who only lists objects decodes none.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from fission.meta import gvk

if TYPE_CHECKING:
    from fission.api import schema

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


class _Types(Mapping[str, "type[schema.Model]"]):
    """Kind to type; the module of a kind is called ``<kind>_types``."""

    def __getitem__(self, kind: str) -> "type[schema.Model]":
        if kind not in BY_KIND:
            raise KeyError(kind)
        module = importlib.import_module(f"fission.api.{kind.lower()}_types")
        found: type[schema.Model] = getattr(module, kind)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(BY_KIND)

    def __len__(self) -> int:
        return len(BY_KIND)


TYPES: Final = _Types()
