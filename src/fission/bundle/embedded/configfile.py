"""Options → ``cluster.json``, the whole input of the supervisor."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any

from fission.bundle import data
from fission.bundle.embedded import options as option_sets

KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "FISSION_SANDBOX_MODE",
)
"""Of the caller's environment, what the platform's processes get: never its secrets."""


IMAGES = "images"
"""The folder of a home in which people put images of their own."""


def make(options: option_sets.Options) -> dict[str, Any]:
    """Return the document."""
    home = str(options.home)
    env = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    env["FISSION_HOME"] = home
    ports = options.ports
    return {
        "version": 1,
        "hostPorts": [
            _service("router", "http", ports.router, "--router-port", options),
            _service(
                "router-internal",
                "http-internal",
                ports.router_internal,
                "--router-internal-port",
                options,
            ),
            _service("controller", "http", ports.controller, "--controller-port", options),
        ],
        "apiserver": {
            "hosts": list(options.hosts),
            "hostPort": ports.apiserver,
            "flag": "--apiserver-port",
            "command": [
                *(sys.executable, "-m", "fission.cluster.apiserver"),
                *("--home", home, "--with", "fission.bundle.background:run"),
            ],
            "env": env,
        },
        "kubelet": {
            "command": [
                *(sys.executable, "-m", "fission.cluster.kubelet", "--home", home),
                *("--images", ",".join(str(folder) for folder in _image_folders(options))),
                *("--public", "fission/router/http"),
                *("--warm", "fission-bundle"),
                *("--service-url", "FISSION_ROUTER_URL=fission/router/http"),
                *(
                    "--service-url",
                    "FISSION_ROUTER_INTERNAL_URL=fission/router-internal/http-internal",
                ),
            ],
            "env": env,
        },
        "stopGraceSeconds": 5,
    }


def write(options: option_sets.Options) -> None:
    """Write the file for the supervisor, whole or not at all, readable by its owner only."""
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = options.home / "cluster.json"
    fresh = path.with_suffix(".tmp")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(make(options), indent=2) + "\n")
    fresh.replace(path)


def _image_folders(options: option_sets.Options) -> list[pathlib.Path]:
    """Whoever brings an image means it: theirs come before those that ship with Fission."""
    own = options.home / IMAGES
    return [*options.images, *([own] if own.is_dir() else []), *data.image_folders()]


def _service(
    name: str, port: str, number: int, flag: str, options: option_sets.Options
) -> dict[str, Any]:
    # Only the public listener follows --host: the others are for this machine's own programs.
    hosts = options.hosts if name == "router" else ("127.0.0.1",)
    return {
        "namespace": "fission",
        "service": name,
        "port": port,
        "hosts": list(hosts),
        "hostPort": number,
        "flag": flag,
    }


def kubeconfig(home: pathlib.Path) -> pathlib.Path:
    """Return where the API server keeps the administrator's kubeconfig."""
    return home / "kubeconfig"
