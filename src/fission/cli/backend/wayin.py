"""Finding the Kubernetes API that a run is meant for.

In this order: ``KUBECONFIG`` or ``--kube-context``, the platform that runs in ``FISSION_HOME``, the
usual kubeconfig, the service account of the pod that we are in.

A running home is spoken to over its unix socket, which asks for no TLS and no token: only who owns
the home may open it. That halves what a command waits for.
"""

import json
import pathlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib import parse

from fission.cli import errors
from fission.kube import config

CONNECT_SECONDS: Final = 1.0
SOCKET_NAME: Final = "apiserver.sock"
"""Of the API server, below the home's directory of sockets."""
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
    credentials_of_home = _of_home(home, env)
    if credentials_of_home:
        return Way(credentials_of_home, f"which runs in {home}", PLATFORM_NAMESPACE)
    if usual.is_file():
        return Way(config.from_kubeconfig(str(usual), None, env), f"named by {usual}")
    if env.get("KUBERNETES_SERVICE_HOST"):
        return Way(config.from_service_account(env), "as this pod's account")
    raise errors.CliError(
        "failed to get fission client: there is no platform to talk to",
        f"nothing runs in {home}, and no Kubernetes cluster is configured",
        "start the platform on this machine with `fission up -d`, name a cluster with KUBECONFIG "
        "or --kube-context, or a controller with --server or FISSION_URL",
    )


def home_directory(env: Mapping[str, str]) -> pathlib.Path:
    """Where the embedded platform keeps everything."""
    given = env.get("FISSION_HOME")
    if given:
        return pathlib.Path(given).expanduser().absolute()
    return pathlib.Path(env.get("HOME") or pathlib.Path.home()) / ".fission"


def is_running(home: pathlib.Path) -> bool:
    """Whether somebody listens where the home's state says that its API server is."""
    return (home / "kubeconfig").is_file() and _answers(_url(_state(home)))


def _of_home(home: pathlib.Path, env: Mapping[str, str]) -> config.Credentials | None:
    """Credentials for a home that runs: its socket, or what its kubeconfig says."""
    try:
        kubeconfig = (home / "kubeconfig").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    state = _state(home)
    path = f"{state.get('runDir') or home / 'run'}/{SOCKET_NAME}"
    # Who set a namespace of their own in that file means to work in it.
    if "namespace:" not in kubeconfig and _listens(path):
        return config.from_unix_socket(path)
    if _answers(_url(state)):
        return config.from_kubeconfig(str(home / "kubeconfig"), None, env)
    return None


def _state(home: pathlib.Path) -> dict[str, Any]:
    try:
        state = json.loads((home / "state.json").read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _url(state: Mapping[str, Any]) -> str:
    urls = state.get("urls")
    return str(urls.get("apiserver") or "") if isinstance(urls, dict) else ""


def _answers(url: str) -> bool:
    parts = parse.urlsplit(url)
    if not parts.hostname or not parts.port:
        return False
    try:
        socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
