"""Which way a run takes, before anybody is asked."""

import io

import pytest

from fission.base import errors as base_errors
from fission.cli import context, errors
from fission.cli.backend import controller, kubernetes

KUBECONFIG = """\
current-context: a
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts:
- {name: a, context: {cluster: c, namespace: of-the-context}}
- {name: b, context: {cluster: c}}
"""


@pytest.fixture
def a_session(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)

    def make(env=None, **flags):
        whole = {"HOME": str(tmp_path), "KUBECONFIG": str(path), **(env or {})}
        session = context.Session(whole, io.StringIO(), io.StringIO())
        for name, value in flags.items():
            session.set_global(name, value)
        return session

    return make


def test_a_controller_comes_before_a_kubeconfig(a_session):
    by_variable = a_session({"FISSION_URL": "http://127.0.0.1:2"})
    by_flag = a_session({"FISSION_URL": "not used"}, server="http://127.0.0.1:3")

    assert isinstance(by_variable.backend, controller.ControllerBackend)
    assert isinstance(by_flag.backend, controller.ControllerBackend)
    assert isinstance(a_session().backend, kubernetes.KubernetesBackend)


@pytest.mark.parametrize(
    ("env", "flags", "namespace"),
    [
        ({}, {}, "of-the-context"),
        ({}, {"kube_context": "b"}, "default"),
        ({"FISSION_DEFAULT_NAMESPACE": "usual"}, {}, "usual"),
        ({"FISSION_DEFAULT_NAMESPACE": "usual"}, {"namespace": "named"}, "named"),
        ({"FISSION_URL": "http://127.0.0.1:2"}, {}, "default"),
        (
            {"FISSION_URL": "http://127.0.0.1:2", "FISSION_DEFAULT_NAMESPACE": "usual"},
            {},
            "usual",
        ),
    ],
)
def test_the_namespace_is_the_first_that_is_said(a_session, env, flags, namespace):
    assert a_session(env, **flags).namespace == namespace


def test_two_ways_at_once_are_refused(a_session):
    session = a_session(server="http://127.0.0.1:3", kube_context="b")
    with pytest.raises(errors.UsageError, match="two ways"):
        session.backend  # noqa: B018


@pytest.mark.parametrize("env", [{}, {"FISSION_URL": "http://127.0.0.1:2"}])
def test_a_secret_that_is_set_but_blank_is_refused(a_session, env):
    session = a_session({"FISSION_INTERNAL_AUTH_SECRET": " ", **env})
    with pytest.raises(base_errors.Error, match="FISSION_INTERNAL_AUTH_SECRET"):
        session.backend  # noqa: B018


def test_a_server_that_is_no_url_is_refused(a_session):
    with pytest.raises(errors.CliError, match="is not the URL of the controller"):
        a_session(server="localhost:8887").backend  # noqa: B018
