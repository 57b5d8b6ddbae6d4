"""Ingresses: stored as given, refused with the field's path, shown as people know them."""

import pytest

PATH = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"
BACKEND = {"service": {"name": "router", "port": {"number": 80}}}


def an_ingress(name="web", path=None, **spec):
    one = path or {"path": "/a", "pathType": "ImplementationSpecific", "backend": BACKEND}
    rules = [{"host": "a.example.org", "http": {"paths": [one]}}]
    return {"metadata": {"name": name}, "spec": {"rules": rules, **spec}}


async def create(space, body):
    return await space.server.call("POST", PATH.format(space.name), body)


async def test_an_ingress_is_kept_as_it_was_given(space):
    body = an_ingress(tls=[{"hosts": ["a.example.org"], "secretName": "s"}])
    answer = await create(space, body)
    assert answer.status == 201
    assert answer.body["spec"] == body["spec"]
    assert answer.body["status"] == {"loadBalancer": {}}
    assert answer.body["metadata"]["generation"] == 1
    path = PATH.format(space.name) + "/web"
    patch = {"spec": {"tls": None}}
    answer = await space.server.call("PATCH", path, patch, "application/merge-patch+json")
    assert answer.body["metadata"]["generation"] == 2
    assert "tls" not in answer.body["spec"]


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        (an_ingress(rules=[]), "spec", "either `defaultBackend` or `rules`"),
        (
            an_ingress(path={"path": "/a", "backend": BACKEND}),
            "spec.rules[0].http.paths[0].pathType",
            "pathType must be specified",
        ),
        (
            an_ingress(path={"path": "a", "pathType": "Prefix", "backend": BACKEND}),
            "spec.rules[0].http.paths[0].path",
            "must be an absolute path",
        ),
        (
            an_ingress(path={"path": "/a//b", "pathType": "Prefix", "backend": BACKEND}),
            "spec.rules[0].http.paths[0].path",
            "must not contain '//'",
        ),
        (
            an_ingress(path={"path": "/a", "pathType": "Prefix"}),
            "spec.rules[0].http.paths[0].backend",
            "required",
        ),
        (
            an_ingress(tls=[{"hosts": ["no_host"]}]),
            "spec.tls[0].hosts[0]",
            "RFC 1123",
        ),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(space, body, field, part):
    answer = await create(space, body)
    assert answer.status == 422
    causes = {each["field"]: each["message"] for each in answer.body["details"]["causes"]}
    assert part.lower() in causes[field].lower()
