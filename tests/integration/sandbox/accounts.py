"""Who runs a scene: root, or an ordinary user, with an interpreter that this user can execute."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import landlockpy

from fission.cluster.kubelet.sandbox import rootfs

ORDINARY_UID = 65534
ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGES = str(pathlib.Path(landlockpy.__file__).parents[1])
"""Where the libraries are that a scene needs."""
SYSTEM_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")


@dataclasses.dataclass(frozen=True)
class Account:
    name: str
    python: str
    uid: int | None = None
    """To become; None: stay who we are."""
    skip: str = ""
    """Why this account cannot run anything here."""

    def run(
        self, *arguments: str, check: bool = True, before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter, after the words of ``before``, with our packages in reach."""
        places = [str(ROOT / "src"), PACKAGES]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(places),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [*before, self.python, *arguments],
            cwd="/",
            env=environment,
            text=True,
            capture_output=True,
            timeout=120,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stderr}")
        return done


def root(mode: str = "full") -> Account:
    if os.geteuid() != 0:
        return Account("root", "", skip="these tests do not run as root")
    if mode == "full":
        return Account("root", sys.executable)
    python = _open_interpreter()
    return Account("root", python, skip="" if python else _NO_INTERPRETER)


def ordinary() -> Account:
    if os.geteuid() != 0:
        return Account("ordinary", sys.executable)
    python = _open_interpreter()
    return Account("ordinary", python, uid=ORDINARY_UID, skip="" if python else _NO_INTERPRETER)


_NO_INTERPRETER = (
    f"no interpreter of Python {sys.version_info[0]}.{sys.version_info[1]} and these packages can "
    f"be read by uid {ORDINARY_UID}"
)


def _open_interpreter() -> str:
    """This interpreter where others can read it, else the system's of the same version."""
    packages = [str(ROOT / "src"), str(ROOT / "tests"), PACKAGES]
    if rootfs.unreadable_to_others(packages, with_ancestors=True):
        return ""
    for python in (sys.executable, *SYSTEM_PYTHONS):
        if not os.path.exists(python):
            continue
        prefix = _ask(python, "import sys; print(sys.base_prefix, *sys.version_info[:2])").split()
        same = prefix[1:] == [str(part) for part in sys.version_info[:2]]
        places = [os.path.realpath(python), prefix[0]]
        if same and not rootfs.unreadable_to_others(places, with_ancestors=True):
            return python
    return ""


def _ask(python: str, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else "nowhere"


def landlock_abi() -> int:
    try:
        return landlockpy.abi_version()
    except OSError:
        return 0


def probe(account: Account) -> dict[str, object]:
    done = account.run("-m", "fission.cluster.kubelet.sandbox.probe")
    found: dict[str, object] = json.loads(done.stdout)
    return found
