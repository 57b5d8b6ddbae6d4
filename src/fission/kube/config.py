"""Finding a cluster and the credentials for it, from an environment mapping.

In this order: the embedded control plane's own socket (``KUBE_API_SOCKET``), an explicit
kubeconfig (argument or ``KUBECONFIG``), the service account of the pod that we run in,
``~/.kube/config``. Relative paths in a kubeconfig are relative to it. A kubeconfig is read by
lightkube, loaded only then: it brings an HTTP library of its own, which costs ~150 ms.
"""

from __future__ import annotations

import base64
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fission.base import podenv
from fission.kube import bearers, errors
from fission.kube import tls as tls_module

if TYPE_CHECKING:
    from lightkube.config import kubeconfig as lightkube_kubeconfig

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
        return from_kubeconfig(_first_existing(chosen, env), context, env)
    if context is None and env.get("KUBERNETES_SERVICE_HOST"):
        return from_service_account(env)
    usual = pathlib.Path(env.get("HOME") or pathlib.Path.home()) / ".kube" / "config"
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
    """The pod's own account: token, CA and namespace as files, the server in the environment."""
    directory = pathlib.Path(podenv.volume_path(SERVICE_ACCOUNT_DIRECTORY, env))
    host, port = env["KUBERNETES_SERVICE_HOST"], env.get("KUBERNETES_SERVICE_PORT", "443")
    if ":" in host:
        host = f"[{host}]"
    token = directory / "token"
    if not token.is_file():
        raise errors.BadCredentials(f"service account token {token} does not exist")
    namespace = directory / "namespace"
    return Credentials(
        server=f"https://{host}:{port}",
        namespace=namespace.read_text().strip() if namespace.is_file() else DEFAULT_NAMESPACE,
        tls=tls_module.Tls(ca_file=str(directory / "ca.crt")),
        bearer=bearers.TokenFile(str(token)),
    )


def from_kubeconfig(path: str, context: str | None, env: Mapping[str, str]) -> Credentials:
    """The credentials of one context of a kubeconfig; None takes its current context."""
    from lightkube.config import kubeconfig as loader
    from lightkube.core import exceptions

    try:
        selected = loader.KubeConfig.from_file(path).get(context)
    except exceptions.ConfigError as error:
        raise errors.NoCluster(f"kubeconfig {path}: {error}") from error
    except Exception as error:
        raise errors.BadCredentials(f"kubeconfig {path} cannot be read: {error}") from error
    assert selected is not None
    cluster = selected.cluster
    return Credentials(
        server=cluster.server.rstrip("/"),
        namespace=selected.namespace,
        tls=_tls(selected) if cluster.server.startswith("https:") else None,
        bearer=_bearer(selected, env),
    )


def _tls(selected: lightkube_kubeconfig.SingleConfig) -> tls_module.Tls:
    cluster, user = selected.cluster, selected.user
    return tls_module.Tls(
        ca_file=_absolute(selected, cluster.certificate_auth),
        ca_data=_decoded(cluster.certificate_auth_data),
        insecure=cluster.insecure,
        cert_file=_absolute(selected, user.client_cert) if user else None,
        cert_data=_decoded(user.client_cert_data) if user else None,
        key_file=_absolute(selected, user.client_key) if user else None,
        key_data=_decoded(user.client_key_data) if user else None,
    )


def _bearer(selected: lightkube_kubeconfig.SingleConfig, env: Mapping[str, str]) -> bearers.Bearer:
    user = selected.user
    if user is None:
        return bearers.NO_BEARER
    if user.token_file:
        return bearers.TokenFile(str(_absolute(selected, user.token_file)))
    if user.token:
        return bearers.Fixed(f"Bearer {user.token}")
    if user.exec:
        return _exec_plugin(user.exec, env)
    if user.username and user.password:
        pair = f"{user.username}:{user.password}".encode()
        return bearers.Fixed("Basic " + base64.b64encode(pair).decode())
    if user.auth_provider:
        raise errors.BadCredentials(
            f"kubeconfig {selected.fname}: auth-provider is not supported (removed from "
            "Kubernetes in 1.26); use an exec plugin"
        )
    return bearers.NO_BEARER


def _exec_plugin(user_exec: Any, env: Mapping[str, str]) -> bearers.Bearer:
    from fission.kube import execplugin

    spec = execplugin.ExecSpec(
        api_version=user_exec.apiVersion,
        command=user_exec.command,
        args=tuple(user_exec.args or ()),
        env={variable.name: variable.value for variable in user_exec.env or ()},
        install_hint=user_exec.installHint or "",
    )
    return execplugin.ExecPlugin(spec, env)


def _absolute(selected: lightkube_kubeconfig.SingleConfig, path: str | None) -> str | None:
    return str(selected.abs_file(path)) if path else None


def _decoded(data: str | None) -> str | None:
    return base64.b64decode(data).decode() if data else None


def _first_existing(paths: str, env: Mapping[str, str]) -> str:
    """``KUBECONFIG`` may list several files; the first that exists is used, none are merged."""
    home = env.get("HOME")
    candidates = [
        path.replace("~", home, 1) if home and path.startswith("~/") else path
        for path in paths.split(":")
        if path
    ]
    for path in candidates:
        if pathlib.Path(path).is_file():
            return path
    raise errors.NoCluster(f"kubeconfig {paths} does not exist")
