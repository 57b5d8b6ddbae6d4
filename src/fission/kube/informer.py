"""The informer: a live copy of a collection, and handlers that hear of every difference.

A handler is called with ``(old, new)``: ``(None, x)`` for what appeared, ``(x, y)`` for what
changed, ``(x, None)`` for what went; an object made anew under an old name is the two in turn. The
lister shows the state after the change while handlers run. After a relist only the differences are
told. Handlers are plain functions, quick, and do no I/O: they put keys into a queue. One that fails
is logged and does not keep others from hearing.

A packed informer keeps objects as compact JSON, without what only servers need, and decodes them at
each look (see ``lister``); two looks give two equal objects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, overload

from fission.base import errors
from fission.kube import client as client_module
from fission.kube import lister as lister_module
from fission.kube import reflector, requests
from fission.meta import codec, gvk, watch

logger = logging.getLogger(__name__)

T = TypeVar("T")
Obj = dict[str, Any]
Handler = Callable[[T | None, T | None], None]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Mirror(Generic[T]):
    """The pure part: what is known, and who hears of changes. A ``reflector.Sink``."""

    def __init__(self, decode: Callable[[Obj], T], *, packed: bool = False) -> None:
        def unpack(content: bytes) -> T:
            return decode(codec.from_json(content))

        self.store: lister_module.Store[T] = lister_module.Store(unpack if packed else None)
        self.synced = False
        self._decode = decode
        self._packed = packed
        self._versions: dict[lister_module.Key, tuple[str, str]] = {}
        self._handlers: list[Handler[T]] = []

    def add_handler(self, handler: Handler[T]) -> None:
        """Add a handler; it hears at once of everything that is known already."""
        self._handlers.append(handler)
        known = self.store.keys()
        for key in known:
            value = self.store.get(*key)
            if value is not None:
                _call(handler, None, value)

    def keep(self, obj: Obj) -> tuple[lister_module.Key, Obj | bytes]:
        return lister_module.key_of(obj), pack(obj) if self._packed else obj

    def replace(self, items: list[tuple[lister_module.Key, Obj | bytes]]) -> None:
        present = {key for key, _ in items}
        for key in [key for key in self._versions if key not in present]:
            self._remove(key)
        for _, item in items:
            self._put(codec.from_json(item) if isinstance(item, bytes) else item)
        self.synced = True

    def apply(self, event: watch.WatchEvent) -> None:
        if event.type == "DELETED":
            self._remove(lister_module.key_of(event.object))
        elif event.type in ("ADDED", "MODIFIED"):
            self._put(event.object)

    def _put(self, obj: Obj) -> None:
        key = lister_module.key_of(obj)
        metadata = obj["metadata"]
        identity = (str(metadata.get("uid", "")), str(metadata.get("resourceVersion", "")))
        known = self._versions.get(key)
        if known == identity and identity[1]:
            return
        try:
            value = self._decode(obj)
        except (errors.Error, ValueError, TypeError) as error:
            logger.warning(
                "object was not understood: %s", error, extra={"key": key, "kind": obj.get("kind")}
            )
            self._remove(key)
            self._versions[key] = identity
            return
        if known is not None and known[0] != identity[0]:
            self._remove(key)
        self._versions[key] = identity
        old = self.store.put(key, value, pack(obj) if self._packed else None)
        self._tell(old, value)

    def _remove(self, key: lister_module.Key) -> None:
        self._versions.pop(key, None)
        old = self.store.drop(key)
        if old is not None:
            self._tell(old, None)

    def _tell(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            _call(handler, old, new)


class Informer(Generic[T]):
    """A mirror of one collection, kept by a reflector while ``run`` runs."""

    @overload
    def __init__(
        self: Informer[Obj],
        client: client_module.Client,
        resource: gvk.Resource,
        namespace: str | None = None,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        decode: None = None,
        *,
        packed: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        client: client_module.Client,
        resource: gvk.Resource,
        namespace: str | None = None,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        *,
        decode: Callable[[Obj], T],
        packed: bool = False,
    ) -> None: ...
    def __init__(
        self,
        client: client_module.Client,
        resource: gvk.Resource,
        namespace: str | None = None,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        decode: Callable[[Obj], T] | None = None,
        *,
        packed: bool = False,
    ) -> None:
        """Without ``decode`` objects are in wire form. ``packed``: see the module."""
        self.resource = resource
        self._mirror: Mirror[T] = Mirror(
            decode or cast("Callable[[Obj], T]", _as_is), packed=packed
        )
        self._synced = asyncio.Event()
        self._reflector = reflector.Reflector(
            client,
            resource,
            self,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    @property
    def lister(self) -> lister_module.Lister[T]:
        return self._mirror.store

    @property
    def has_synced(self) -> bool:
        """Whether the first list has arrived."""
        return self._synced.is_set()

    def add_handler(self, on_change: Handler[T]) -> None:
        self._mirror.add_handler(on_change)

    def add_index(self, name: str, function: lister_module.IndexFunction[T]) -> None:
        self._mirror.store.add_index(name, function)

    async def run(self) -> None:
        """Mirror until cancelled."""
        await self._reflector.run()

    async def wait_synced(self, timeout_seconds: float | None = 30.0) -> None:
        """Wait for the first list; raises ``DeadlineExceeded``."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._synced.wait()
        except TimeoutError as error:
            raise errors.DeadlineExceeded(
                f"{self.resource.plural} were not listed within {timeout_seconds} s"
            ) from error

    def keep(self, item: Obj) -> Any:
        """What to hold of a listed item; called by the reflector."""
        return self._mirror.keep(item)

    def replace(self, items: list[Any]) -> None:
        """Take over a list; called by the reflector."""
        self._mirror.replace(items)
        self._synced.set()

    def apply(self, event: watch.WatchEvent) -> None:
        """Take over a change; called by the reflector."""
        self._mirror.apply(event)


def pack(obj: Obj) -> bytes:
    """The object as JSON, without the server's bookkeeping of its fields' owners."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != LAST_APPLIED}
    content = codec.to_json({**obj, "metadata": metadata})
    return bytes(memoryview(content))  # as large as the text; the encoder's buffer is larger


def _as_is(obj: Obj) -> Obj:
    return obj


def _call(handler: Handler[T], old: T | None, new: T | None) -> None:
    try:
        handler(old, new)
    except Exception:
        logger.exception("informer handler failed")
