import io

import pytest

from fission.base import errors as base_errors
from fission.cli import context, errors, failures, main
from fission.kube import errors as kube_errors
from fission.meta import status


@pytest.fixture
def session(tmp_path):
    made = context.Session({}, io.StringIO(), io.StringIO(), cwd=tmp_path)
    made.place = "the Kubernetes API at https://k:6443"
    return made


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "what", "why", "remedy"),
    [
        (errors.CliError("what", "why", "do"), "what", "why", "do"),
        (base_errors.DeadlineExceeded("too late"), "too late", "", ""),
        (
            kube_errors.Unreachable("connection refused"),
            "the Kubernetes API at https://k:6443 does not answer",
            "connection refused",
            "--kube-context",
        ),
        (
            kube_errors.NoCluster("kubeconfig k: context 'x' does not exist; existing are a, b"),
            "failed to get fission client: kubeconfig k: context 'x' does not exist",
            "existing are a, b",
            "--kube-context",
        ),
        (
            kube_errors.BadCredentials("kubeconfig k cannot be read: it is no mapping"),
            "failed to get fission client: kubeconfig k cannot be read: it is no mapping",
            "",
            "mend that file",
        ),
        (
            status.Unauthorized("token expired"),
            "the Kubernetes API at https://k:6443 does not accept these credentials",
            "token expired",
            "log in again",
        ),
        (status.Forbidden("jane cannot list functions"), "jane cannot list functions", "", "role"),
        (FileNotFoundError(2, "No such file", "a.py"), "a.py: No such file", "", ""),
        (
            ExceptionGroup("several", [errors.CliError("the first"), ValueError("x")]),
            "the first",
            "",
            "",
        ),
        (
            KeyError("spec"),
            "this is a fault of fission itself: KeyError: 'spec'",
            "test_failures.py:",
            "please report it",
        ),
    ],
)
def test_what_is_said(session, error, what, why, remedy):
    told = failures.tell(session, raised(error))

    assert told.what == what
    assert why in told.why
    assert remedy in told.remedy
    assert "\n" not in told.what + told.why + told.remedy


def test_through_the_controller_another_token_is_wanted(session):
    session.server_url = "http://c"

    assert "FISSION_TOKEN" in failures.tell(session, status.Unauthorized("no")).remedy
    assert "FISSION_URL" in failures.tell(session, kube_errors.Unreachable("no")).remedy


def test_a_home_is_started_anew(session):
    session.is_home = True

    assert "fission up" in failures.tell(session, kube_errors.Unreachable("no")).remedy


@pytest.mark.parametrize(("verbosity", "shown"), [(0, False), (1, False), (2, True)])
def test_a_traceback_is_for_who_asks(session, verbosity, shown):
    session.out.verbosity = verbosity
    err = io.StringIO()
    session.out._stderr = err

    assert main.report(session, raised(KeyError("spec"))) == 1

    assert err.getvalue().startswith("Error: this is a fault of fission itself: KeyError: 'spec'\n")
    assert ("Traceback (most recent call last)" in err.getvalue()) is shown


def test_an_interrupt_says_nothing(session):
    assert main.report(session, raised(KeyboardInterrupt())) == 130
    assert main.report(session, raised(BrokenPipeError())) == 1
