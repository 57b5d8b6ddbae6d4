"""The REST API described for machines: Swagger 2, as clients of the original expect it.

Paths come from the table of routes, schemas from the types of our kinds. Kubernetes' extensions of
schemas are left out where Swagger has no word for them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fission.api import resources, structural
from fission.contracts import controller as contract
from fission.contracts import signing, storage

Schema = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """Something of a request beside its path."""

    name: str
    meaning: str
    place: str = "query"
    type: str = "string"
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """What is said of one route."""

    tag: str
    summary: str
    right: str = ""
    """What the caller must be allowed; nothing: anybody may."""
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    answers: Schema | None = None
    """Schema of what is answered; none: an empty body."""
    code: int = 200
    consumes: str = ""
    produces: str = "application/json"
    failures: tuple[int, ...] = ()
    with_token: bool = True


_FAILURES: dict[int, str] = {
    400: "The request is not what it should be; the text names the field.",
    401: "There is no valid bearer token for the audience fission-controller.",
    403: "The owner of the token may not do that.",
    404: "There is no such object.",
    409: "It exists already, or somebody else changed it since it was read.",
    413: "The body is too large.",
    422: "The object breaks a rule of its kind; the text names the field.",
    429: "Too much at once; come again.",
    503: "Who should answer is away; come again.",
}
_TEXT: Schema = {"type": "string"}
_NAMESPACE = Parameter("namespace", "Namespace of the object; `default` unless given.")
_EVERY_NAMESPACE = Parameter("namespace", "Namespace to look in; all unless given.")
_LABELS = Parameter("labelSelector", "Labels that objects must have, as Kubernetes writes it.")
_AUTH_NAMESPACE = Parameter(
    signing.NAMESPACE_HEADER,
    "Whose archives; without it the right is needed in every namespace.",
    "header",
)
_ARCHIVE_ID = Parameter("id", "Which archive; without it the list of all.")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def listing(kind: str) -> Operation:
    """A list of a kind, which is a bare array."""
    namespace = _NAMESPACE if kind == "CanaryConfig" else _EVERY_NAMESPACE
    array = {"type": "array", "items": _ref(kind)}
    summary = f"List every {kind}, as a bare array"
    return Operation(kind, summary, f"list {_plural(kind)}", (namespace, _LABELS), None, array)


def creation(kind: str) -> Operation:
    """A new object; the answer is its metadata alone."""
    return Operation(
        kind,
        f"Create a {kind}, and its namespace when that is missing; answers its metadata",
        f"create {_plural(kind)}",
        body=_ref(kind),
        answers=_ref("ObjectMeta"),
        code=201,
        failures=(400, 409, 413, 422),
    )


def reading(kind: str) -> Operation:
    """One object."""
    raw = Parameter("raw", "`1`: the bytes of `spec.deployment.literal` instead.")
    parameters = (_NAMESPACE, raw) if kind == "Package" else (_NAMESPACE,)
    right = f"get {_plural(kind)}"
    summary = f"Read a {kind}"
    return Operation(kind, summary, right, parameters, None, _ref(kind), failures=(404,))


def update(kind: str) -> Operation:
    """An object in place of another of its name."""
    return Operation(
        kind,
        f"Replace a {kind}; the resourceVersion that was read guards against others' changes",
        f"update {_plural(kind)}",
        body=_ref(kind),
        answers=_ref("ObjectMeta"),
        failures=(400, 404, 409, 413, 422),
    )


def deletion(kind: str) -> Operation:
    """The end of an object."""
    right = f"delete {_plural(kind)}"
    return Operation(kind, f"Delete a {kind}", right, (_NAMESPACE,), failures=(404,))


def existence(kind: str) -> Operation:
    """Whether a Secret or ConfigMap is there."""
    right = f"get {kind.lower()}s"
    summary = f"Say whether a {kind} exists, not what it holds"
    return Operation("Kubernetes", summary, right, (_NAMESPACE,), failures=(404,))


INFO = Operation(
    "Controller", "Version, time and namespace", answers=_ref("ServerInfo"), with_token=False
)
DOCS = Operation("Controller", "This document", answers={"type": "object"}, with_token=False)
GONE = Operation(
    "Controller",
    "Answers 404: version 1 is gone",
    code=404,
    produces="text/plain",
    answers=_TEXT,
    with_token=False,
)
FUNCTION_PODS = Operation(
    "Function",
    "List the pods that run a function",
    "list pods",
    (Parameter("functionNamespace", "Namespace of the function; `default` unless given."),),
    answers=_ref("PodList"),
)
ENVIRONMENT_PODS = Operation(
    "Environment",
    "List the pods of an environment",
    "list pods",
    (
        Parameter("environmentNamespace", "Namespace of the environment; `default` unless given."),
        Parameter("executorType", "`poolmgr`, `newdeploy` or `container`; all unless given."),
    ),
    answers=_ref("PodList"),
)
KUBERNETES = Operation(
    "Kubernetes",
    "Read or watch by a path of the Kubernetes API: our kinds, pods and their logs, services,"
    " events, deployments and what else is around functions",
    "what the Kubernetes API asks for the same path",
    (
        _LABELS,
        Parameter("fieldSelector", "Fields that objects must have."),
        Parameter("watch", "`true`: changes as they come, a line of JSON each."),
        Parameter("resourceVersion", "Where a watch goes on."),
        Parameter("container", "Of a pod's log: which container."),
        Parameter("follow", "Of a pod's log: `true` goes on with what comes."),
    ),
    answers={"type": "object", "description": "As the Kubernetes API answers."},
    failures=(400, 404, 429),
)
ACTIVITY = Operation(
    "Function",
    "What each router and executor has counted of functions since it began: calls, errors, how"
    " long they took, cold starts",
    "list functions",
    (Parameter("namespace", "Functions of this namespace; of all unless given."),),
    answers={"type": "array", "items": {"type": "object"}},
    failures=(503,),
)
ARCHIVE_GET = Operation(
    "Archive",
    "Fetch an archive; without an id list the ids",
    "get packages",
    (_ARCHIVE_ID, _AUTH_NAMESPACE),
    answers={"type": "file"},
    produces="application/octet-stream",
    failures=(404, 503),
)
ARCHIVE_HEAD = Operation(
    "Archive",
    "Where archives are kept, and the size of one",
    "get packages",
    (_ARCHIVE_ID, _AUTH_NAMESPACE),
    failures=(404, 503),
)
ARCHIVE_POST = Operation(
    "Archive",
    "Store an archive",
    "create packages",
    (
        _AUTH_NAMESPACE,
        Parameter(storage.FILE_SIZE_HEADER, "Bytes of the file.", "header", "integer", True),
        Parameter(storage.FILE_SHA256_HEADER, "What the file must hash to.", "header"),
        Parameter(contract.DIGEST_HEADER, "Of the body: lets it pass straight through.", "header"),
        Parameter(storage.FILE_FIELD, "The file.", "formData", "file", True),
    ),
    answers=_ref("ArchiveId"),
    consumes="multipart/form-data",
    failures=(400, 413, 503),
)
ARCHIVE_DELETE = Operation(
    "Archive",
    "Remove an archive",
    "delete packages",
    (_ARCHIVE_ID, _AUTH_NAMESPACE),
    failures=(400, 404, 503),
)
SERVICE_NAME = Operation(
    "Archive",
    "`name.namespace` of the one Service with a label",
    "list services, or create packages for `fission-storage`",
    (
        Parameter("application", "Value of the label `application`.", required=True),
        Parameter("namespace", "Where the caller may create packages."),
    ),
    answers=_TEXT,
    produces="text/plain",
    failures=(404,),
)
LOGIN = Operation(
    "Invocation",
    "Log in at the public router, for its routes; needs a token of the controller, and no right",
    parameters=(Parameter("path", "The login's path, where it is not the usual one."),),
    body=_ref("Login"),
    answers=_ref("AccessToken"),
    code=201,
    failures=(404, 503),
)
LOGS = Operation(
    "Function",
    "Logs of a function: of every container of its newest pod under banners, or of one container",
    "get pods/log",
    (
        _NAMESPACE,
        Parameter("container", "One container alone, without banners."),
        Parameter("lines", "At most so many of each, the last ones.", type="integer"),
    ),
    answers=_TEXT,
    produces="text/plain",
    failures=(404,),
)
LOG_DATABASE = Operation(
    "Function",
    "Ask a log database that the controller is told of; the query goes along",
    "get pods/log in every namespace",
    answers={"type": "object"},
    failures=(404, 503),
)
QUEUE = Operation(
    "Topic",
    "Publish to a broker, ask how it is, look after dead letters; see the contract of statestore",
    "create messagequeuetriggers in the namespace that publishes; to look after dead letters get,"
    " create or delete messagequeuetriggers in all namespaces",
    body={"type": "object"},
    answers={"type": "object"},
    consumes="application/json",
    failures=(400, 404, 413, 429, 503),
)
TOPIC = Operation(
    "Topic",
    "Append to a topic, read it, or ask for its head; see the contract of statestore",
    "create or get messagequeuetriggers",
    body={"type": "object", "required": ["stream"], "properties": {"stream": _TEXT}},
    answers={"type": "object"},
    failures=(400, 409, 413, 503),
)
INVOCATION = Operation(
    "Invocation",
    "Call a function by name through the router's internal listener",
    "create functions/proxy",
    answers={"type": "file"},
    produces="*/*",
    failures=(404, 413, 429, 503),
)


class Document:
    """The description; made when it is first asked for."""

    def __init__(
        self, routes: Callable[[], Iterable[tuple[str, str, Operation]]], version: str
    ) -> None:
        self._routes = routes
        self._version = version

    @functools.cached_property
    def _content(self) -> bytes:
        return json.dumps(describe(self._routes(), self._version)).encode()

    def render(self) -> bytes:
        """Return the document as JSON."""
        return self._content


def describe(routes: Iterable[tuple[str, str, Operation]], version: str) -> dict[str, Any]:
    """Return a Swagger 2 document of methods, paths and what is said of them."""
    paths: dict[str, dict[str, Any]] = {"/healthz": {"get": _HEALTHZ}}
    for method, pattern, operation in routes:
        path = pattern.replace("...}", "}")
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation)
    return {
        "swagger": "2.0",
        "info": {
            "title": "Fission",
            "version": version,
            "description": "Errors are plain text; a request that accepts `application/json` and "
            "nothing else gets a Kubernetes Status.",
        },
        "basePath": "/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {
            "bearer": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "description": f"`Bearer` and a token for the audience {contract.TOKEN_AUDIENCE}, "
                "or of another way that the API server's TokenReview knows.",
            }
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "definitions": definitions(),
    }


_HEALTHZ = {
    "tags": ["Controller"],
    "summary": "Whether the controller answers",
    "operationId": "get_healthz",
    "security": [],
    "responses": {"200": {"description": "It does."}},
}


def definitions() -> dict[str, Schema]:
    """Return the schemas that operations refer to."""
    kinds = {kind: _plain(structural.root_schema(type_)) for kind, type_ in resources.TYPES.items()}
    for each in kinds.values():
        each["properties"]["metadata"] = _ref("ObjectMeta")
    return {**kinds, **_SHARED}


def _operation(method: str, path: str, operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "type": "string"}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [
        {
            "name": each.name,
            "in": each.place,
            "type": each.type,
            "required": each.required,
            "description": each.meaning,
        }
        for each in operation.parameters
    ]
    if operation.body is not None:
        parameters.append(
            {"name": "body", "in": "body", "required": True, "schema": operation.body}
        )
    done: dict[str, Any] = {"description": "Done." if operation.code < 400 else "Gone."}
    if operation.answers is not None and method != "HEAD":
        done["schema"] = operation.answers
    failures = (*((401,) if operation.with_token else ()), *operation.failures)
    if operation.right:
        failures += (403,)
    said: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": _operation_id(method, path),
        "produces": [operation.produces],
        "parameters": parameters,
        "responses": {
            str(operation.code): done,
            **{str(code): _failure(code) for code in sorted(failures)},
        },
    }
    if operation.right:
        said["description"] = f"Needs the right: {operation.right}."
    if operation.consumes:
        said["consumes"] = [operation.consumes]
    if not operation.with_token:
        said["security"] = []
    return said


def _failure(code: int) -> dict[str, Any]:
    return {"description": _FAILURES[code], "schema": _ref("Status")}


def _operation_id(method: str, path: str) -> str:
    return f"{method.lower()}_{re.sub(r'[^A-Za-z0-9]+', '_', path).strip('_') or 'info'}"


def _plural(kind: str) -> str:
    return resources.BY_KIND[kind].plural


def _plain(schema: Mapping[str, Any]) -> Schema:
    """Swagger's part of a structural schema."""
    plain: Schema = {}
    for key, value in schema.items():
        if key.startswith("x-kubernetes") or key in ("anyOf", "oneOf", "not"):
            continue
        if key == "nullable":
            plain["x-nullable"] = value
        elif key == "properties":
            plain[key] = {name: _plain(each) for name, each in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            plain[key] = _plain(value)
        else:
            plain[key] = value
    return plain


def _object(description: str, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "properties": properties}


_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_TIME: Schema = {"type": "string", "format": "date-time"}
_SHARED: dict[str, Schema] = {
    "ObjectMeta": _object(
        "metav1.ObjectMeta: what every object has. Further fields are kept.",
        name=_TEXT,
        namespace=_TEXT,
        labels=_TEXTS,
        annotations=_TEXTS,
        uid=_TEXT,
        resourceVersion=_TEXT,
        generation={"type": "integer"},
        creationTimestamp=_TIME,
        deletionTimestamp=_TIME,
        finalizers={"type": "array", "items": _TEXT},
        ownerReferences={"type": "array", "items": {"type": "object"}},
    ),
    "PodList": _object(
        "corev1.PodList.",
        kind=_TEXT,
        apiVersion=_TEXT,
        metadata={"type": "object"},
        items={"type": "array", "items": {"type": "object"}},
    ),
    "ServerInfo": _object(
        "What answers.",
        Build=_object("Of the program.", GitCommit=_TEXT, BuildDate=_TEXT, Version=_TEXT),
        ServerTime=_object("Now.", Timezone=_TEXT, CurrentTime=_TIME),
        Namespace={**_TEXT, "description": "Where the platform is installed."},
    ),
    "ArchiveId": _object("An archive that was stored.", id=_TEXT),
    "Login": _object("Who logs in.", username=_TEXT, password=_TEXT),
    "AccessToken": _object("A token for the routes.", accesstoken=_TEXT, tokentype=_TEXT),
    "Status": _object(
        "metav1.Status, for who accepts JSON alone; others get `message` as plain text.",
        kind=_TEXT,
        apiVersion=_TEXT,
        status=_TEXT,
        message=_TEXT,
        reason=_TEXT,
        code={"type": "integer"},
        details={"type": "object"},
    ),
}
