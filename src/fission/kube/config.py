"""Finding a cluster and the credentials for it, from an environment mapping.

In this order: the embedded control plane's own socket (``KUBE_API_SOCKET``), an explicit
kubeconfig (argument or ``KUBECONFIG``), the service account of the pod that we run in,
``~/.kube/config``. The files themselves are read by ``kubeconfig``, loaded only then.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import podenv
from fission.kube import bearers, errors
from fission.kube import tls as tls_module

SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API server is, and who we are there."""

    server: str
    """Base URL without a trailing slash."""
    namespace: str = DEFAULT_NAMESPACE
    """The namespace meant where none is named."""
    unix_socket: str | None = None
    """Path of a unix socket that carries the connection instead of TCP."""
    tls: tls_module.Tls | None = None
    """None for plain HTTP."""
    bearer: bearers.Bearer = bearers.NO_BEARER


def load(
    env: Mapping[str, str], *, kubeconfig: str | None = None, context: str | None = None
) -> Credentials:
    """Return the credentials that ``env`` leads to; ``context`` picks one of a kubeconfig's."""
    if context is None and kubeconfig is None and env.get("KUBE_API_SOCKET"):
        return from_unix_socket(env["KUBE_API_SOCKET"])
    chosen = kubeconfig or env.get("KUBECONFIG")
    if chosen:
        return from_kubeconfig(chosen, context, env)
    if context is None and env.get("KUBERNETES_SERVICE_HOST"):
        return from_service_account(env)
    usual = usual_kubeconfig(env)
    if not usual.is_file():
        raise errors.NoCluster(
            "no Kubernetes cluster is configured: neither KUBECONFIG nor a service account "
            f"(KUBERNETES_SERVICE_HOST) is set, and {usual} does not exist"
        )
    return from_kubeconfig(str(usual), context, env)


def from_unix_socket(location: str) -> Credentials:
    """Speak plain HTTP over a unix socket, given as a path or ``unix://`` URL."""
    return Credentials(server="http://localhost", unix_socket=location.removeprefix("unix://"))


def from_service_account(env: Mapping[str, str]) -> Credentials:
    """The pod's own account: token, CA and namespace as files, the server in the environment.

    ``POD_NAMESPACE`` goes before the namespace's file.
    """
    directory = pathlib.Path(podenv.volume_path(SERVICE_ACCOUNT_DIRECTORY, env))
    host, port = env["KUBERNETES_SERVICE_HOST"], env.get("KUBERNETES_SERVICE_PORT", "443")
    if ":" in host:
        host = f"[{host}]"
    token = directory / "token"
    if not token.is_file():
        raise errors.BadCredentials(f"service account token {token} does not exist")
    named = directory / "namespace"
    namespace = env.get("POD_NAMESPACE") or (named.read_text().strip() if named.is_file() else "")
    return Credentials(
        server=f"https://{host}:{port}",
        namespace=namespace or DEFAULT_NAMESPACE,
        tls=tls_module.Tls(ca_file=str(directory / "ca.crt")),
        bearer=bearers.TokenFile(str(token)),
    )


def from_kubeconfig(path: str, context: str | None, env: Mapping[str, str]) -> Credentials:
    """The credentials of one context; None takes the current one. Several paths are merged."""
    from fission.kube import kubeconfig

    selected = kubeconfig.select(kubeconfig.merge(kubeconfig.files_of(path, env)), context, env)
    return Credentials(
        server=selected.server,
        namespace=selected.namespace or DEFAULT_NAMESPACE,
        tls=selected.tls,
        bearer=selected.bearer,
    )


def usual_kubeconfig(env: Mapping[str, str]) -> pathlib.Path:
    """Where a kubeconfig is that nobody names."""
    return pathlib.Path(env.get("HOME") or pathlib.Path.home()) / ".kube" / "config"
