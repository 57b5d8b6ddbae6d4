"""Plays a recorded topic against the embedded server, seeding what the recording leaves out.

Recordings are samples: an object may appear that no exchange created. Before an exchange about an
object that is missing (or that somebody else changed meanwhile) the recorded object is written
into the store, and after a difference the store is brought back to the recording, so that one
difference does not hide the next.
"""

import json
import re
import uuid

from fission.cluster.apiserver import metadata, paths
from fission.cluster.storage import records
from tests.support import waiting

from . import replay

SKIPPED_PATHS = ("/openapi", "/api?", "/apis?")
SKIPPED_HEADERS = ("authorization", "content-length", "content-type", "user-agent", "if-none-match")
PLACEHOLDER = re.compile(r"<(?:[a-z-]+-\d+|r\d+|t\d+(?:\.\w+)?)>")
FILLER = re.compile(r"<(\d+) bytes of 'x'>")


class Replayer:
    def __init__(self, running):
        self.running = running
        self.store = running.server.store
        self.kinds = running.server.services.served
        self.binding = replay.Binding()
        self.played = 0

    async def prepare(self, exchanges, definition=None):
        """Namespaces of the recording, and the custom resource that some topics speak of."""
        paths_seen = " ".join(e.request["path"] for e in exchanges)
        for name in sorted(set(re.findall(r"/namespaces/([a-z0-9-]+)", paths_seen))):
            if name in ("nonexistent", "none"):
                continue
            await self.running.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            account = {"metadata": {"name": "default"}}
            path = f"/api/v1/namespaces/{name}/serviceaccounts"
            await self.running.call("POST", path, account)
        if definition is not None:
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await self.running.call("POST", path, definition)
            await waiting.until(self.kinds.custom)

    async def play(self, exchange):
        """The differences between the recorded answer and ours; None when it cannot be played."""
        request, response = exchange.request, exchange.response
        protobuf = "protobuf" in (request.get("body_encoding"), response.get("body_encoding"))
        streamed = "stream" in response or "frames" in response or "watch=" in request["path"]
        if protobuf or streamed or request["path"].startswith(SKIPPED_PATHS):
            return None
        recorded = response.get("body")
        kind, key = self._subject(request["path"], recorded)
        if kind is not None and await self._seed(request["method"], response, kind, key, recorded):
            return None
        path = self._fill(request["path"], invent=False)
        if "<" in path:
            return None
        answer = await self._send(request, path)
        self.played += 1
        if answer.status == 201 and isinstance(recorded, dict):
            await self._establish(recorded)
        differences = []
        if answer.status != response["status"]:
            found = answer.body.get("message") if isinstance(answer.body, dict) else answer.body
            differences = [f"status {response['status']} expected, found {answer.status}: {found}"]
        elif recorded is not None:
            differences = self.binding.match(recorded, answer.body)
        if differences and kind is not None and response["status"] in (200, 201):
            await self._sync(kind, key, recorded)
        return differences

    async def _establish(self, recorded):
        """A definition that was created is served a moment later: wait for it."""
        if recorded.get("kind") != "CustomResourceDefinition":
            return
        spec = recorded["spec"]
        version = next(v["name"] for v in spec["versions"] if v["served"])
        names = spec["names"]
        await waiting.until(lambda: self.kinds.get(spec["group"], version, names["plural"]))

    def _subject(self, path, recorded):
        """The kind and key of the one object that the answer shows."""
        info = paths.parse_path(path.partition("?")[0])
        kind = info.is_resource and self.kinds.get(info.group, info.version, info.resource)
        shown = isinstance(recorded, dict) and "uid" in (recorded.get("metadata") or {})
        if not kind or not shown or recorded.get("kind") != kind.resource.kind:
            return None, None
        home = info.namespace if kind.resource.namespaced else ""
        return kind, records.Key(kind.storage_key, home, recorded["metadata"]["name"])

    async def _seed(self, method, response, kind, key, recorded):
        """Write what must have been there; tells whether the exchange cannot be played at all."""
        current = self.store.get(key)
        if method == "POST" or response["status"] != 200:
            return False
        if current is None:
            await self._sync(kind, key, recorded)
            return method != "GET"
        if method == "GET" and self.binding.match(recorded, kind.present(current.value)):
            await self._sync(kind, key, recorded)
        return False

    async def _sync(self, kind, key, recorded):
        obj = json.loads(self._fill(json.dumps(recorded), invent=True))
        obj = metadata.arrange(obj, kind.resource)
        current = self.store.get(key)
        if current is not None:
            for field in ("uid", "creationTimestamp", "resourceVersion"):
                obj["metadata"][field] = current.value["metadata"][field]
            self.binding.values[recorded["metadata"]["uid"]] = obj["metadata"]["uid"]
        written = await self.store.write(key, lambda found: records.Put(obj))
        version = written.record.value["metadata"]["resourceVersion"]
        self.binding.values[recorded["metadata"]["resourceVersion"]] = version

    async def _send(self, request, path):
        body, headers = request.get("body"), request.get("headers", {})
        if body is not None:
            body = self._fill(body if isinstance(body, str) else json.dumps(body), invent=True)
            body = FILLER.sub(lambda match: "x" * int(match[1]), body)
        media = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
        kept = {k: v for k, v in headers.items() if k.lower() not in SKIPPED_HEADERS}
        return await self.running.call(
            request["method"], path.replace(" ", "%20"), body, media, kept
        )

    def _fill(self, text, *, invent):
        def value(match):
            known = self.binding.values.get(match[0])
            if known is not None or not invent:
                return known if known is not None else match[0]
            if match[0].startswith("<uid"):
                return self.binding.values.setdefault(match[0], str(uuid.uuid4()))
            return "2026-01-01T00:00:00Z" if match[0].startswith("<t") else "1"

        return PLACEHOLDER.sub(value, text)
