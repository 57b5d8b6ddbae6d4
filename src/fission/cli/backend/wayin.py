"""Finding the Kubernetes API that a run is meant for.

In this order: ``KUBECONFIG`` or ``--kube-context``, the platform that runs in ``FISSION_HOME``, the
usual kubeconfig, the service account of the pod that we are in.
"""

import json
import pathlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib import parse

from fission.cli import errors
from fission.kube import config

CONNECT_SECONDS: Final = 1.0
PLATFORM_NAMESPACE: Final = "fission"
"""Of a platform on this machine."""


@dataclass(frozen=True)
class Way:
    """The way that was taken."""

    credentials: config.Credentials
    found: str
    """Where it was found, for people."""
    platform_namespace: str = ""
    """Where the platform is, if that is known."""


def find(env: Mapping[str, str], kube_context: str) -> Way:
    """The first place that is configured or runs."""
    named = env.get("KUBECONFIG", "")
    usual = config.usual_kubeconfig(env)
    if kube_context or named:
        credentials = config.from_kubeconfig(named or str(usual), kube_context or None, env)
        return Way(credentials, f"named by {'KUBECONFIG' if named else '--kube-context'}")
    home = home_directory(env)
    if is_running(home):
        credentials = config.from_kubeconfig(str(home / "kubeconfig"), None, env)
        return Way(credentials, f"which runs in {home}", PLATFORM_NAMESPACE)
    if usual.is_file():
        return Way(config.from_kubeconfig(str(usual), None, env), f"named by {usual}")
    if env.get("KUBERNETES_SERVICE_HOST"):
        return Way(config.from_service_account(env), "as this pod's account")
    raise errors.CliError(
        f"nothing runs in {home}, and no Kubernetes cluster is configured.\n"
        "Start the platform on this machine:  fission up -d\n"
        "Or point to a cluster with KUBECONFIG or --kube-context, or to a controller with "
        "--server or FISSION_URL."
    )


def home_directory(env: Mapping[str, str]) -> pathlib.Path:
    """Where the embedded platform keeps everything."""
    given = env.get("FISSION_HOME")
    if given:
        return pathlib.Path(given).expanduser().absolute()
    return pathlib.Path(env.get("HOME") or pathlib.Path.home()) / ".fission"


def is_running(home: pathlib.Path) -> bool:
    """Whether somebody listens where the home's state says that its API server is."""
    if not (home / "kubeconfig").is_file():
        return False
    url = parse.urlsplit(_api_server(home))
    if not url.hostname or not url.port:
        return False
    try:
        socket.create_connection((url.hostname, url.port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _api_server(home: pathlib.Path) -> str:
    try:
        state = json.loads((home / "state.json").read_text())
        return str(state["urls"]["apiserver"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
