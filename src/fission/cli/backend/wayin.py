"""Finding the Kubernetes API that a run is meant for.

The kubeconfig of a platform that runs on this machine is written by the platform, so its few
fields are read here; loading it as any kubeconfig costs 150 ms of imports in every command.
"""

import json
import pathlib
import socket
from collections.abc import Mapping
from typing import Final
from urllib import parse

from fission.cli import errors
from fission.kube import bearers, config, tls
from fission.kube import errors as kube_errors

CONNECT_SECONDS: Final = 1.0


def find(env: Mapping[str, str], kube_context: str) -> config.Credentials:
    """Credentials of the first place that is configured or runs."""
    if kube_context or env.get("KUBECONFIG"):
        return config.load(env, context=kube_context or None)
    home = home_directory(env)
    if is_running(home):
        return from_home(home)
    try:
        return config.load(env)
    except kube_errors.NoCluster:
        raise errors.CliError(
            f"nothing runs in {home}, and no Kubernetes cluster is configured.\n"
            "Start the platform on this machine:  fission up -d\n"
            "Or point to a cluster with KUBECONFIG or --kube-context, or to a controller with "
            "--server or FISSION_URL."
        ) from None


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


def from_home(home: pathlib.Path) -> config.Credentials:
    """Credentials of the platform in a home."""
    import base64

    import yaml

    path = home / "kubeconfig"
    try:
        document = yaml.safe_load(path.read_text())
        cluster = document["clusters"][0]["cluster"]
        user = document["users"][0]["user"]
        return config.Credentials(
            server=cluster["server"].rstrip("/"),
            tls=tls.Tls(ca_data=base64.b64decode(cluster["certificate-authority-data"]).decode()),
            bearer=bearers.Fixed(f"Bearer {user['token']}"),
        )
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return config.load({"HOME": str(home)}, kubeconfig=str(path))


def _api_server(home: pathlib.Path) -> str:
    try:
        state = json.loads((home / "state.json").read_text())
        return str(state["urls"]["apiserver"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
