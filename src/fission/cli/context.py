"""One run of the command: its settings, its streams, and the way in to a platform.

The way in is the first of: ``--server`` or ``FISSION_URL`` (the controller); ``KUBECONFIG`` or
``--kube-context``; the platform that runs in ``FISSION_HOME``; the usual kubeconfig, or the
service account of the pod that we are in.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

from fission.base import clock as clocks
from fission.base import ids
from fission.cli import output

if TYPE_CHECKING:
    import click

    from fission.cli.backend import protocol


class Session:
    """What a command may use."""

    def __init__(
        self,
        env: Mapping[str, str],
        stdout: IO[str],
        stderr: IO[str],
        *,
        cwd: pathlib.Path | None = None,
        clock: clocks.Clock | None = None,
        new_uid: Callable[[], str] = ids.new_uid,
        short_id: Callable[[int], str] = ids.short_id,
    ) -> None:
        self.env = env
        self.stdout = stdout
        self.out = output.Printer(stdout, stderr, env)
        self.cwd = cwd or pathlib.Path.cwd()
        self.clock = clock or clocks.SystemClock()
        self.new_uid = new_uid
        self.short_id = short_id
        self.command: click.Context | None = None
        """What is being run, for its usage."""
        self.given_namespace = ""
        self.kube_context = ""
        self.server = ""
        self.server_url = ""
        """Of the controller that answers this run, if one does."""
        self.is_home = False
        """Whether a platform on this machine answers it."""
        self.place = ""
        """What answers it, for messages."""
        self._backend: protocol.Backend | None = None

    def set_global(self, name: str, value: Any) -> None:
        """Take in a flag that every command has."""
        if name == "verbosity":
            self.out.verbosity = value
        elif name == "quiet":
            self.out.verbosity = 0 if value else self.out.verbosity
        elif name == "namespace":
            self.given_namespace = value
        elif name == "kube_context":
            self.kube_context = value
        elif name == "server":
            self.server = value

    @property
    def backend(self) -> "protocol.Backend":
        """What answers this run; opened by the first command that needs it."""
        if self._backend is None:
            self._backend = self._open()
        return self._backend

    @property
    def namespace(self) -> str:
        """The namespace to work in."""
        named = self.given_namespace or self.env.get("FISSION_DEFAULT_NAMESPACE", "")
        return named or self.backend.namespace

    def path(self, text: str) -> pathlib.Path:
        """A path as the person meant it."""
        return self.cwd / pathlib.Path(text).expanduser()

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._backend is not None:
            await self._backend.aclose()

    def _open(self) -> "protocol.Backend":
        from fission.cli import errors
        from fission.contracts import signing

        signing.masters_from_env(self.env)  # one that is set but blank ends the command here
        if self.server and self.kube_context:
            raise errors.UsageError(
                "--server and --kube-context are two ways to a platform; give one of them"
            )
        url = self.server or self.env.get("FISSION_URL", "")
        if url:
            from fission.cli.backend import controller

            self.server_url, self.place = url, f"the controller at {url}"
            self.out.debug(f"goes through {self.place}")
            token = self.env.get("FISSION_TOKEN", "").strip()
            return controller.ControllerBackend(url, token, self.clock)
        from fission.cli.backend import kubernetes, wayin

        way = wayin.find(self.env, self.kube_context)
        server = way.credentials.unix_socket or way.credentials.server
        self.is_home = bool(way.platform_namespace)
        self.place = f"the Kubernetes API at {server}"
        self.out.debug(f"goes through {self.place}, {way.found}")
        namespace = self.env.get("FISSION_NAMESPACE") or way.platform_namespace
        return kubernetes.KubernetesBackend(way.credentials, self.env, namespace, self.clock)
