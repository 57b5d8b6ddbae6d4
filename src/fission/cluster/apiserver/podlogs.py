"""``pods/log``: a container's lines, read from the files that the kubelet writes.

The API server and the kubelet share the machine: ``<logs>/<ns>_<pod>_<uid>/<container>/<n>.log``,
one file per attempt, in CRI format. Blocking reads happen in threads. A follower looks for new
lines a few times a second and ends when the container has ended and its file is read.
"""

from __future__ import annotations

import asyncio
import datetime
import pathlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fission.base import clock
from fission.cluster.apiserver import crilog, hooks
from fission.meta import gvk, status

POLL_SECONDS = 0.15
"""How soon a follower sees a line: below what people notice, and seven looks a second."""

_TRUE = frozenset({"true", "1", "t", "True", "TRUE", ""})
_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True)
class Options:
    """PodLogOptions, checked."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: str = ""
    """RFC 3339 with nanoseconds, comparable to what stands in the files; empty for all."""


class PodLogs:
    """The stream handler over one folder of log files."""

    def __init__(self, folder: pathlib.Path, system_clock: clock.Clock) -> None:
        self._folder = folder
        self._clock = system_clock

    def streams(self) -> dict[str, hooks.StreamHandler]:
        return {"pods/log": self.log}

    async def log(self, request: Request, context: hooks.StreamContext) -> Response:
        options = parse_options(request.query_params, context.name, self._clock)
        pod = context.objects.get(gvk.PODS, context.namespace, context.name)
        if pod is None:
            raise status.not_found(gvk.PODS, context.name)
        container = choose_container(pod, options.container)
        if not (pod.get("spec") or {}).get("nodeName"):
            raise status.BadRequest(f"pod {context.name} does not have a host assigned")
        path = await asyncio.to_thread(self._file, pod, container, options.previous)
        if path is None:
            raise _nothing_to_show(pod, container, options.previous)
        try:
            reader = await asyncio.to_thread(crilog.Reader, path, options.since, options.timestamps)
        except FileNotFoundError as error:
            raise status.not_found(gvk.PODS, context.name) from error
        has_ended = _end_watcher(pod, container, path, context) if options.follow else None
        return StreamingResponse(
            _limited(_lines(reader, options.tail_lines, has_ended), options.limit_bytes),
            media_type="text/plain",
            headers={"cache-control": "no-cache, private", "content-type": "text/plain"},
        )

    def _file(self, pod: hooks.Object, container: str, previous: bool) -> pathlib.Path | None:
        metadata = pod["metadata"]
        name = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        attempts = sorted(
            (
                path
                for path in (self._folder / name / container).glob("*.log")
                if _attempt(path) >= 0
            ),
            key=_attempt,
        )
        if previous:
            return attempts[-2] if len(attempts) > 1 else None
        return attempts[-1] if attempts else None


def parse_options(query: Mapping[str, str], pod_name: str, system_clock: clock.Clock) -> Options:
    """Read and check the query; raises ``status.Invalid`` in the words of PodLogOptions."""
    numbers: dict[str, int] = {}
    for name in ("tailLines", "limitBytes", "sinceSeconds"):
        if query.get(name):
            try:
                numbers[name] = int(query[name])
            except ValueError as error:
                raise status.BadRequest(
                    f'strconv.ParseInt: parsing "{query[name]}": invalid syntax ({name})'
                ) from error
    causes: list[status.Cause] = []
    if numbers.get("tailLines", 0) < 0:
        why = "must be greater than or equal to 0"
        causes.append(status.invalid_value("tailLines", numbers["tailLines"], why))
    for name in ("limitBytes", "sinceSeconds"):
        if numbers.get(name, 1) < 1:
            causes.append(status.invalid_value(name, numbers[name], "must be greater than 0"))
    if query.get("sinceSeconds") and query.get("sinceTime"):
        why = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(status.forbidden_field("[]", why))
    if query.get("stream") not in (None, "All"):
        causes.append(status.forbidden_field("stream", "may not be specified"))
    if causes:
        raise status.invalid("", "PodLogOptions", pod_name, causes)
    return Options(
        container=query.get("container") or "",
        follow=_flag(query, "follow"),
        previous=_flag(query, "previous"),
        timestamps=_flag(query, "timestamps"),
        tail_lines=numbers.get("tailLines"),
        limit_bytes=numbers.get("limitBytes"),
        since=_since(query, numbers, system_clock),
    )


def choose_container(pod: hooks.Object, wanted: str) -> str:
    """The container whose log is meant; raises ``status.BadRequest`` naming the choice."""
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    by_list = {key: [str(c["name"]) for c in spec.get(key) or ()] for key in _CONTAINER_LISTS}
    if wanted:
        if not any(wanted in names for names in by_list.values()):
            raise status.BadRequest(f"container {wanted} is not valid for pod {name}")
        return wanted
    main = by_list["containers"]
    if len(main) == 1:
        return main[0]
    choice = f"choose one of: [{' '.join(main)}]"
    if by_list["initContainers"]:
        choice += f" or one of the init containers: [{' '.join(by_list['initContainers'])}]"
    raise status.BadRequest(f"a container name must be specified for pod {name}, {choice}")


def _flag(query: Mapping[str, str], name: str) -> bool:
    return name in query and query[name] in _TRUE


def _since(query: Mapping[str, str], numbers: Mapping[str, int], system_clock: clock.Clock) -> str:
    try:
        if query.get("sinceTime"):
            moment = clock.parse_rfc3339(query["sinceTime"])
        elif "sinceSeconds" in numbers:
            moment = system_clock.now() - datetime.timedelta(seconds=numbers["sinceSeconds"])
        else:
            return ""
    except (ValueError, OverflowError) as error:
        raise status.BadRequest(f"sinceTime or sinceSeconds is not a time: {error}") from error
    return f"{clock.format_rfc3339_micro(moment)[:-1]}000Z"


def _attempt(path: pathlib.Path) -> int:
    return int(path.stem) if path.stem.isdigit() else -1


def _nothing_to_show(pod: hooks.Object, container: str, previous: bool) -> status.StatusError:
    name = pod["metadata"]["name"]
    if previous:
        return status.BadRequest(
            f'previous terminated container "{container}" in pod "{name}" not found'
        )
    state = (_container_status(pod, container) or {}).get("state") or {}
    reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
    return status.BadRequest(
        f'container "{container}" in pod "{name}" is waiting to start: {reason}'
    )


def _container_status(pod: hooks.Object, container: str) -> hooks.Object | None:
    state = pod.get("status") or {}
    for key in _STATUS_LISTS:
        for found in state.get(key) or ():
            if found.get("name") == container:
                return dict(found)
    return None


def _end_watcher(
    pod: hooks.Object, container: str, path: pathlib.Path, context: hooks.StreamContext
) -> Callable[[], bool]:
    """A function that tells whether the attempt behind ``path`` has ended."""
    uid = pod["metadata"]["uid"]

    def has_ended() -> bool:
        current = context.objects.get(gvk.PODS, context.namespace, context.name)
        if current is None or current["metadata"]["uid"] != uid:
            return True
        state = _container_status(current, container)
        if state is None:
            return False
        return "terminated" in (state.get("state") or {}) or (
            int(state.get("restartCount") or 0) > _attempt(path)
        )

    return has_ended


async def _lines(
    reader: crilog.Reader, tail_lines: int | None, has_ended: Callable[[], bool] | None
) -> AsyncIterator[bytes]:
    try:
        if tail_lines is not None:
            await asyncio.to_thread(reader.seek_tail, tail_lines)
        while True:
            ended = has_ended is None or has_ended()
            while chunk := await asyncio.to_thread(reader.read):
                yield chunk
            if ended:
                rest = reader.flush()
                if rest:
                    yield rest
                return
            await asyncio.sleep(POLL_SECONDS)
    finally:
        reader.close()


async def _limited(chunks: AsyncIterator[bytes], limit: int | None) -> AsyncIterator[bytes]:
    left = limit
    async for chunk in chunks:
        if left is None:
            yield chunk
            continue
        if chunk[:left]:
            yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
