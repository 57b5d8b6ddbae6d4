"""What a command may ask of a platform, whichever way leads to it.

Objects are dicts in wire form, so that fields which this release does not know survive a change.
Failures are the errors of ``meta.status``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fission.meta import gvk

if TYPE_CHECKING:
    from fission.cli.backend import uploads
    from fission.contracts import activity

Obj = dict[str, Any]
Objs = list[Obj]
Names = list[str]
PodCounts = dict[tuple[str, str], tuple[int, int]]
"""By namespace and name of a function: its pods that are ready, and all."""


@dataclass(frozen=True)
class Call:
    """One call of a function through the router's internal listener."""

    method: str
    target: str
    """Path and query, escaped, as the router sees them."""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout_seconds: float = 60.0
    sink: Callable[[bytes], None] | None = None
    """Gets the body of an answer below 400 as it comes; ``Answer.body`` is empty then."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]] = field(default=())
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True)
class LogQuery:
    """Which lines of which container."""

    namespace: str
    pod: str
    container: str
    lines: int | None = None
    """The newest of them; None is all."""
    follow: bool = False
    since_seconds: int | None = None
    """Not older than that."""
    since: str = ""
    """Not before that moment, RFC 3339; instead of seconds."""
    previous: bool = False
    """Those of the attempt before the one that runs: what a crash left."""
    timestamps: bool = False
    """Each line begins with its time and a space."""

    def options(self) -> dict[str, str]:
        """The same as PodLogOptions of the Kubernetes API."""
        numbers = {"tailLines": self.lines, "sinceSeconds": self.since_seconds}
        switches = {"follow": self.follow, "previous": self.previous, "timestamps": self.timestamps}
        texts = {"container": self.container, "sinceTime": self.since}
        return (
            {name: text for name, text in texts.items() if text}
            | {name: str(number) for name, number in numbers.items() if number is not None}
            | {name: "true" for name, is_on in switches.items() if is_on}
        )


@dataclass(frozen=True)
class Surroundings:
    """What else tells of a function."""

    deployments: Objs
    """Its own, for executors that make one."""
    events: Objs
    """All of its namespace."""


class Backend(Protocol):
    """A platform."""

    @property
    def namespace(self) -> str:
        """The namespace meant where none is named."""
        ...

    async def list(
        self, resource: gvk.Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> Objs:
        """All objects of a kind in a namespace, or in all of them."""
        ...

    async def get(self, resource: gvk.Resource, name: str, namespace: str) -> Obj: ...

    def changes(
        self, resource: gvk.Resource, name: str, namespace: str
    ) -> AsyncGenerator[Obj, None]:
        """An object as it is, then after each change, for ever; ``NotFound`` when it is gone."""
        ...

    async def create(self, resource: gvk.Resource, obj: Obj) -> Obj: ...

    async def replace(self, resource: gvk.Resource, obj: Obj) -> Obj:
        """Write a changed object back; ``Conflict`` when somebody else was faster."""
        ...

    async def set_status(self, resource: gvk.Resource, obj: Obj, status: Obj) -> Obj:
        """Merge into the status of an object; ``Conflict`` when it is not as it was read."""
        ...

    async def delete(self, resource: gvk.Resource, name: str, namespace: str) -> None: ...

    async def exists(self, resource: gvk.Resource, name: str, namespace: str) -> bool:
        """Whether a Secret or ConfigMap is there."""
        ...

    async def function_pods(self, function: Obj) -> Objs:
        """Pods that run a function."""
        ...

    def function_pods_changes(self, function: Obj) -> AsyncGenerator[Objs, None]:
        """Pods that run a function as they are, then after each change, for ever."""
        ...

    async def environment_pods(self, environment: Obj, executor_type: str) -> Objs:
        """Pods of an environment."""
        ...

    async def activity(self, namespace: str) -> activity.Processes:
        """What each router and executor has counted of functions; of all namespaces if empty."""
        ...

    async def pod_counts(self, namespace: str) -> PodCounts:
        """How many pods functions have, likewise."""
        ...

    async def surroundings(self, function: Obj) -> Surroundings | None:
        """Deployments and events; None when this way does not lead to them."""
        ...

    def logs(self, function: Obj, query: LogQuery) -> AsyncIterator[bytes]:
        """What a container printed."""
        ...

    async def call(self, call: Call) -> Answer:
        """Call a function."""
        ...

    async def upload(
        self, form: uploads.Upload, on_progress: uploads.Progress, namespace: str
    ) -> str:
        """Store a file for a namespace, whose functions alone may fetch it; its archive's id."""
        ...

    def download(self, archive_id: str, namespace: str) -> AsyncIterator[bytes]:
        """The bytes of an archive, as somebody who works in a namespace may read it."""
        ...

    async def delete_archive(self, archive_id: str, namespace: str) -> None: ...

    async def list_archives(self, namespace: str) -> Names: ...

    async def archive_url(self, archive_id: str, namespace: str) -> str:
        """The URL under which the platform itself finds an archive of a namespace."""
        ...

    async def topic_events(self, path: str, body: bytes) -> Answer:
        """One of statestore's routes of events, for a topic's stream."""
        ...

    async def log_in(self, path: str, body: bytes) -> Answer:
        """Ask the router's login for a token."""
        ...

    async def platform_namespace(self) -> str:
        """Where the platform is installed."""
        ...

    async def server_version(self) -> Obj:
        """Build information of the platform."""
        ...

    async def kubernetes_version(self) -> Obj:
        """What the Kubernetes API says of its own version."""
        ...

    async def aclose(self) -> None: ...
