"""What confinement this host gives, found out by doing all of it once in a throw-away process.

Each layer of a host forbids at another place: a container's seccomp profile at ``unshare``,
Ubuntu's AppArmor at the first mount, a masked ``/proc`` at the very end. So the probe takes a real
container to the end and names the step that failed and what would mend it. ``detect`` runs it in a
process of its own (``python -m fission.cluster.kubelet.sandbox.probe`` prints the same as JSON):
threads and event loops of the caller do not matter.
"""

import contextlib
import dataclasses
import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fission.cluster.kubelet.sandbox import (
    cgroups,
    enter,
    landlock,
    policy,
    spaces,
    syscallfilter,
)

PROBE_TIMEOUT_SECONDS = 20.0
PROBE_UID = 65534

_APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_DEBIAN = "/proc/sys/kernel/unprivileged_userns_clone"
_MAXIMUM = "/proc/sys/user/max_user_namespaces"


@dataclass(frozen=True)
class Isolation:
    """The strongest mode that works here, and what keeps a stronger one away."""

    mode: policy.Mode
    landlock_abi: int = 0
    has_seccomp: bool = False
    cgroup_version: int = 0
    """0: no control group can be made; limits are per process."""
    cgroup_controllers: tuple[str, ...] = ()
    failed_step: str = ""
    """The first step of full mode that this host refused, with its error; empty when none was."""
    remedy: str = ""
    """What would make that step work."""
    gaps: tuple[str, ...] = ()
    """Promises that do not hold in this mode on this host, one sentence each."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Isolation":
        values = dict(raw)
        for name in ("cgroup_controllers", "gaps"):
            values[name] = tuple(values[name])
        return cls(**values)


def detect(python: str = sys.executable) -> Isolation:
    """Run the probe as a process of its own and return its findings."""
    command = [python, "-P", "-m", "fission.cluster.kubelet.sandbox.probe"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=PROBE_TIMEOUT_SECONDS, check=True, cwd="/"
        )
        return Isolation.from_dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Isolation("none", failed_step=f"the probe itself: {error}")


def run(wanted: policy.Mode = "full") -> Isolation:
    """Probe from this process, which must be single-threaded; ``wanted`` is the strongest tried."""
    failed = _try_full() if wanted == "full" else f"mode {wanted!r} was asked for"
    abi = landlock.abi()
    seccomp = syscallfilter.is_supported()
    mode: policy.Mode = "none"
    if not failed:
        mode = "full"
    elif wanted != "none" and abi > 0 and seccomp:
        mode = "landlock"
    hierarchies = cgroups.find()
    return Isolation(
        mode=mode,
        landlock_abi=abi,
        has_seccomp=seccomp,
        cgroup_version=hierarchies.version,
        cgroup_controllers=tuple(sorted(hierarchies.directories)),
        failed_step=failed,
        remedy=find_remedy(failed, _read_settings()),
        gaps=tuple(find_gaps(mode, abi, hierarchies.directories)),
    )


def find_gaps(mode: policy.Mode, abi: int, controllers: Collection[str]) -> list[str]:
    """What the mode does not keep on a host with these facilities and control groups."""
    gaps = []
    if mode == "none":
        return [enter.NOT_CONFINED]
    if mode == "landlock":
        gaps += [
            "volumes are not at their declared paths: programs find them through POD_VOLUME_PATHS",
            "temporary files lie on the machine's disk, in a folder without a bound",
            "functions see that other processes and files exist, not their contents",
            "processes that a function leaves behind are ended by its spawner, not by the kernel",
        ]
    if abi < landlock.ABI_PORTS:
        gaps.append(enter.NO_PORT_RULES)
    if mode == "landlock" and abi < landlock.ABI_SCOPES:
        gaps.append(enter.NO_SCOPES)
    if "memory" not in controllers:
        gaps.append(enter.NO_MEMORY_GROUP)
    if "cpu" not in controllers:
        gaps.append(enter.NO_CPU_GROUP)
    return gaps


def find_remedy(failed_step: str, settings: dict[str, str]) -> str:
    """What a person can change so that ``failed_step`` works; empty when nothing is known."""
    if not failed_step:
        return ""
    if "No space left" in failed_step or settings.get(_MAXIMUM) == "0":
        return "allow user namespaces: sysctl user.max_user_namespaces=15000"
    if failed_step.startswith("unshare"):
        if settings.get(_DEBIAN) == "0":
            return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
        if "Invalid argument" in failed_step:
            return "the kernel was built without one of user, mount, pid, ipc or uts namespaces"
        return (
            "a container runtime forbids namespaces here: run with a seccomp profile that allows "
            "unshare and mount (for Docker: --security-opt seccomp=unconfined)"
        )
    if settings.get(_APPARMOR) == "1":
        return (
            "AppArmor takes the rights of user namespaces away: load a profile with 'userns,' for "
            f"{os.path.realpath(sys.executable)}, or sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if re.match(r"mount \S*/proc:", failed_step):
        return (
            "parts of /proc are masked, as container runtimes do: run with /proc unmasked (for "
            "Docker: --security-opt systempaths=unconfined)"
        )
    if failed_step.startswith("mount_setattr") and os.strerror(errno.ENOSYS) in failed_step:
        return "a Linux kernel of 5.12 or later"
    return ""


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "full"
    if wanted not in ("full", "landlock", "none"):
        print(f"unknown mode {wanted!r}: full, landlock or none", file=sys.stderr)
        return 2
    print(json.dumps(dataclasses.asdict(run(wanted))))  # type: ignore[arg-type]
    return 0


def _read_settings() -> dict[str, str]:
    found = {}
    for path in (_APPARMOR, _DEBIAN, _MAXIMUM):
        with contextlib.suppress(OSError), open(path) as file:
            found[path] = file.read().strip()
    return found


def _try_full() -> str:
    """Take a child through full mode; the error of the first failing step, or nothing."""
    with tempfile.TemporaryDirectory(prefix="fission-probe-") as folder:
        base = os.path.join(folder, "root")
        volume = os.path.join(folder, "volume")
        os.mkdir(base)
        os.mkdir(volume)
        return _in_child(lambda: _be_spawner(base, volume)).replace(folder, "")


def _be_spawner(base: str, volume: str) -> str:
    spaces.enter_spawner()
    return _in_child(lambda: _be_second(base, volume))


def _be_second(base: str, volume: str) -> str:
    visible = [sys.base_prefix, sys.prefix]
    grounds = enter.make_grounds("full", base, visible, None)
    asked = policy.Confinement(
        mode="full",
        outbound="none",
        uid=PROBE_UID if os.geteuid() == 0 else None,
        hostname="probe",
    )
    bounds = policy.Limits(max_processes=1000)
    mounts = (policy.Mount(volume, "/userfunc"),)
    prepared = enter.prepare(grounds, f"probe-{os.getpid()}", asked, bounds, mounts)
    space = spaces.ProcessSpace()

    def be_container() -> str:
        enter.enter(prepared, asked, 0)
        with open("/userfunc/written", "w") as file:
            file.write("by the probe")
        return ""

    try:
        return _in_child(be_container, space)
    finally:
        if prepared.group is not None:
            prepared.group.remove()


def _in_child(action: Any, space: spaces.ProcessSpace | None = None) -> str:
    """Run ``action`` in a fork; its text, or that of the error it ended with."""
    read_end, write_end = os.pipe()
    pid = space.fork() if space is not None else os.fork()
    if pid == 0:
        text = "ended without a word"
        try:
            os.close(read_end)
            text = action()
        except BaseException as error:
            text = _describe(error)
        finally:
            with contextlib.suppress(OSError):
                os.write(write_end, b"." + text.encode())
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said[1:].decode() if said else "the process was killed"


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or repr(error)


if __name__ == "__main__":
    sys.exit(main())
