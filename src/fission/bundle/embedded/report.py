"""What ``fission status`` says."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from fission.bundle.embedded import configfile
from fission.cluster.supervisor import control

NOTHING_RUNS = 1


def run(home: pathlib.Path, output: str) -> int:
    """Print the state of the home; the exit code is 1 when nothing runs."""
    found = control.status(home)
    if output == "json":
        print(json.dumps(document(home, found), indent=2))
        return 0 if found else NOTHING_RUNS
    if found is None:
        print(f"Fission does not run in {home}. Start it: fission up -d")
        return NOTHING_RUNS
    print(addresses(found))
    if not found["supervised"]:
        print("The supervisor is gone; traffic goes on. Take over: fission up -d")
    isolation = _isolation(found)
    if isolation:
        print(f"isolation: {isolation.get('mode', 'unknown')}")
        for missing in isolation.get("missing", ()):
            print(f"  missing: {missing}")
    print("processes:")
    for process in processes(found):
        print(f"  {process['pid'] or '-':>8}  {process['role']:<12} {process['name']}")
    return 0


def addresses(found: dict[str, Any]) -> str:
    """Return the URLs, a line each."""
    urls = found.get("urls", {})
    lines = [
        f"{label:<17} {urls[name]}"
        for label, name in (
            ("functions", "router"),
            ("internal", "router_internal"),
            ("controller", "controller"),
            ("Kubernetes API", "apiserver"),
        )
        if name in urls
    ]
    return "\n".join(lines)


def document(home: pathlib.Path, found: dict[str, Any] | None) -> dict[str, Any]:
    """Return the JSON form."""
    if found is None:
        return {"running": False, "home": str(home)}
    urls = found.get("urls", {})
    return {
        "running": True,
        "home": str(home),
        "phase": found.get("phase"),
        "supervised": found["supervised"],
        "kubeconfig": str(configfile.kubeconfig(home)),
        "router": urls.get("router"),
        "router_internal": urls.get("router_internal"),
        "controller": urls.get("controller"),
        "apiserver": urls.get("apiserver"),
        "processes": processes(found),
        "isolation": _isolation(found),
    }


def processes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every process of the platform: name, pid, role."""
    listed = [
        {"name": entry["name"], "pid": entry.get("pid"), "role": entry.get("role", entry["name"])}
        for entry in found.get("processes", ())
    ]
    listed.extend((found.get("kubelet") or {}).get("processes", ()))
    return listed


def _isolation(found: dict[str, Any]) -> dict[str, Any]:
    isolation: dict[str, Any] = (found.get("kubelet") or {}).get("isolation") or {}
    return isolation
