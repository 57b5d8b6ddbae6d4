"""What is said of a failure: what went wrong, why, and what to do about it.

Failures that commands expect say it themselves. Here are those that any command may meet: no way
in, no answer, no right. Anything else is a fault of ours; it is one line, too, and its traceback
is shown with ``--verbosity 2``.
"""

from __future__ import annotations

import dataclasses
import traceback
from typing import TYPE_CHECKING, Final

from fission.base import errors as base_errors
from fission.cli import errors

if TYPE_CHECKING:
    from fission.cli import context

NO_CLIENT: Final = "failed to get fission client"
_REPORT: Final = "please report it, together with what --verbosity 2 shows of it"


@dataclasses.dataclass(frozen=True)
class Told:
    """A failure in words."""

    what: str
    why: str = ""
    remedy: str = ""


def tell(session: context.Session, error: BaseException) -> Told:
    """Any failure in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, errors.CliError):
        return Told(str(error), error.why, error.remedy)
    if isinstance(error, base_errors.Error):
        return _told_of_platform(session, error)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return Told(f"{place}{error.strerror}")
    return _told_of_fault(error)


def _told_of_platform(session: context.Session, error: base_errors.Error) -> Told:
    from fission.kube import errors as kube_errors
    from fission.meta import status

    message, place = str(error), session.place or "the platform"
    if isinstance(error, kube_errors.NoCluster | kube_errors.BadCredentials):
        return _told_of_credentials(error)
    if isinstance(error, kube_errors.Unreachable):
        return Told(f"{place} does not answer", message, _remedy_unreachable(session))
    if isinstance(error, status.Unauthorized):
        return Told(
            f"{place} does not accept these credentials",
            message,
            _remedy_unauthorized(session),
        )
    if isinstance(error, status.Forbidden):
        return Told(
            message,
            f"{place} knows who you are, but you have not that right",
            "ask whoever manages it for a role that allows it",
        )
    return Told(message)


def _told_of_credentials(error: base_errors.Error) -> Told:
    from fission.kube import errors as kube_errors

    reason, _, known = str(error).partition("; ")
    what = f"{NO_CLIENT}: {reason}"
    if isinstance(error, kube_errors.NoCluster):
        return Told(
            what,
            known,
            "choose a context with --kube-context, or another file with KUBECONFIG",
        )
    return Told(what, known, "mend that file, or name another with KUBECONFIG")


def _remedy_unreachable(session: context.Session) -> str:
    if session.server_url:
        return "see that --server or FISSION_URL is right, and that the controller runs there"
    if session.is_home:
        return "see `fission status`; `fission down` and `fission up -d` start it anew"
    return "see that the cluster runs, and that --kube-context or KUBECONFIG names the right one"


def _remedy_unauthorized(session: context.Session) -> str:
    if session.server_url:
        return (
            "set FISSION_TOKEN to a fresh token: "
            "kubectl create token <account> --audience fission-controller"
        )
    return (
        "the token may have expired, or be of another cluster: log in again, or choose another "
        "context with --kube-context"
    )


def _told_of_fault(error: BaseException) -> Told:
    frames = traceback.extract_tb(error.__traceback__)
    said = " ".join(str(error).split())
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    return Told(
        f"this is a fault of fission itself: {type(error).__name__}{f': {said}' if said else ''}",
        f"it was raised at {where}",
        _REPORT,
    )
