"""The file system that confined containers see: one template per spawner, pivoted into by each.

The template is a small tmpfs with the system's programs, the interpreter and the image bound
read-only at their own paths, an ``/etc`` of our own and a bare ``/dev``. Nothing of a home folder
is there but what was asked for by name. ``build`` and ``Template`` act in the spawner's private
mount namespace; ``enter_root`` acts in the child's copy of it, where mounting ends with the pivot.
"""

import contextlib
import glob
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fission.cluster.kubelet.sandbox import kernel, policy

SYSTEM_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_COPIES = ("ld.so.cache", "localtime", "mime.types", "services", "protocols", "os-release")
ETC_BINDS = (
    "ssl",
    "pki",
    "ca-certificates",
    "crypto-policies",
    "alternatives",
    "java*",
    "maven*",
)
DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
EMPTY_DIRECTORIES = (
    "proc",
    "tmp",
    "run",
    "dev/shm",
    "etc/podinfo",
    "userfunc",
    "secrets",
    "configs",
    "packages",
    "var/tmp",
)
SHM_BYTES = 64 * 1024 * 1024
"""What Docker gives /dev/shm."""
TMP_INODES = 16384

_READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
_FILE_SYSTEM = kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV


@dataclass
class Template:
    """A root ready to be pivoted into, and the places in it that were bound."""

    base: str
    """The tmpfs, writable to the spawner alone."""
    bound: set[str] = field(default_factory=lambda: {"/proc", "/sys"})
    resolver_changed_at: int = -1

    @property
    def root(self) -> str:
        """The read-only view of ``base/root`` that containers get."""
        return f"{self.base}/root"

    def refresh_resolver(self) -> None:
        """Follow the host's ``resolv.conf``; laptops change networks."""
        with contextlib.suppress(OSError):
            changed_at = os.stat("/etc/resolv.conf").st_mtime_ns
            if changed_at != self.resolver_changed_at:
                _copy("/etc/resolv.conf", f"{self.base}/etc/resolv.conf")
                self.resolver_changed_at = changed_at

    def add_mount_points(self, mounts: Sequence[policy.Mount]) -> None:
        """Make a place in the template for each mount that no other mount contains."""
        for mount in mounts:
            path = mount.mount_path
            if not path.startswith("/") or os.path.normpath(path) != path or path == "/":
                raise policy.PolicyError(f"mount path {path!r} is not an absolute plain path")
            if any(_is_below(path, other.mount_path) for other in mounts if other is not mount):
                continue
            if _is_below(path, "/tmp") or _is_below(path, "/dev/shm"):
                continue
            if path.startswith("/etc/"):
                self._make_point(f"{self.base}/etc{path.removeprefix('/etc')}", mount.host_path)
            elif any(path == place or _is_below(path, place) for place in self.bound):
                raise policy.PolicyError(f"mount path {path!r} lies in a read-only system folder")
            else:
                self._make_point(f"{self.base}/content{path}", mount.host_path)

    def show(self, path: str) -> None:
        """Make a further host path visible, read-only, to containers started from here on."""
        if not any(path == place or _is_below(path, place) for place in self.bound):
            _bind(self, path)

    def _make_point(self, path: str, host_path: str) -> None:
        if os.path.isdir(host_path):
            os.makedirs(path, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            with open(path, "ab"):
                pass


def build(base: str, visible: Iterable[str]) -> Template:
    """Mount and fill a template on the empty directory ``base``."""
    previous = os.umask(0o022)
    try:
        kernel.mount("tmpfs", base, "tmpfs", kernel.MS_NOSUID, "mode=0755,size=16m,nr_inodes=16384")
        template = Template(base)
        for name in ("root", "content", "etc"):
            os.mkdir(f"{base}/{name}")
        _fill_etc(template)
        for name in EMPTY_DIRECTORIES:
            parent = base if name.startswith("etc/") else f"{base}/content"
            os.makedirs(f"{parent}/{name}")
        os.mkdir(f"{base}/content/etc")
        kernel.mount(f"{base}/content", template.root, None, kernel.MS_BIND)
        kernel.mount(f"{base}/etc", f"{template.root}/etc", None, kernel.MS_BIND)
        for pattern in ETC_BINDS:
            for path in glob.glob(f"/etc/{pattern}"):
                if os.path.isdir(path):
                    _bind(template, path)
        _add_system(template)
        _add_devices(template)
        for path in _outermost(visible):
            template.show(path)
        kernel.mount_setattr(template.root, _READ_ONLY, recursive=True)
        template.refresh_resolver()
        return template
    finally:
        os.umask(previous)


def unreadable_to_others(paths: Iterable[str], with_ancestors: bool) -> list[str]:
    """Those paths that a user who does not own them cannot read.

    ``with_ancestors``: also where a folder above is closed; a bind mount is a way around those.
    """
    found = []
    for path in _outermost(paths):
        if with_ancestors and closed_folder_above(path) is not None:
            found.append(path)
            continue
        status = os.stat(path).st_mode
        needed = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(status) else 0)
        if status & needed != needed:
            found.append(path)
    return found


def closed_folder_above(path: str) -> str | None:
    """The nearest folder above ``path`` that only its owner may pass through."""
    above = os.path.dirname(path)
    while above != "/":
        if not os.stat(above).st_mode & stat.S_IXOTH:
            return above
        above = os.path.dirname(above)
    return None


def enter_root(
    template: Template,
    mounts: Sequence[policy.Mount],
    tmp_bytes: int,
    owner: int | None,
) -> None:
    """In a child with a mount namespace of its own: add its volumes and make this the root."""
    root = template.root
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    places = {mount.mount_path for mount in mounts}
    if "/tmp" not in places:
        options = f"mode=1777,size={tmp_bytes},nr_inodes={TMP_INODES}"
        kernel.mount("tmpfs", f"{root}/tmp", "tmpfs", flags, options)
        for path in sorted(template.bound):
            if _is_below(path, "/tmp"):
                _show_again(root, path)
    if "/dev/shm" not in places:
        options = f"mode=1777,size={SHM_BYTES},nr_inodes={TMP_INODES}"
        kernel.mount("tmpfs", f"{root}/dev/shm", "tmpfs", flags, options)
    for mount in sorted(mounts, key=lambda item: len(item.mount_path)):
        _bind_volume(root, mount, owner)
    kernel.mount("proc", f"{root}/proc", "proc", flags | kernel.MS_NOEXEC)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/")


def _show_again(root: str, path: str) -> None:
    """Show an interpreter or image that lies below ``/tmp`` in the fresh folder mounted there."""
    place = root + path
    if os.path.isdir(path):
        os.makedirs(place, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        with open(place, "ab"):
            pass
    kernel.mount(path, place, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.mount_setattr(place, _READ_ONLY | _FILE_SYSTEM, recursive=True)


def _bind_volume(root: str, mount: policy.Mount, owner: int | None) -> None:
    target = root + mount.mount_path
    if not os.path.lexists(target):
        parent = os.path.dirname(target)
        if os.path.realpath(parent) != parent and os.path.exists(parent):
            raise OSError(f"mount path {mount.mount_path} leads through a symbolic link")
        if os.path.isdir(mount.host_path):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(parent, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o644))
    elif os.path.realpath(target) != target:
        raise OSError(f"mount path {mount.mount_path} leads through a symbolic link")
    if owner is not None and not mount.read_only and os.stat(mount.host_path).st_uid != owner:
        os.chown(mount.host_path, owner, owner, follow_symlinks=False)
    kernel.mount(mount.host_path, target, None, kernel.MS_BIND | kernel.MS_REC)
    attributes = _FILE_SYSTEM | (kernel.MOUNT_ATTR_RDONLY if mount.read_only else 0)
    kernel.mount_setattr(target, attributes, recursive=True)


def _fill_etc(template: Template) -> None:
    etc = f"{template.base}/etc"
    uid, gid = os.geteuid(), os.getegid()
    files = {
        "passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\n"
        + (f"function:x:{uid}:{gid}:function:/tmp:/bin/sh\n" if uid else "")
        + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": "root:x:0:\n" + (f"function:x:{gid}:\n" if gid else "") + "nogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": "",
    }
    for name, text in files.items():
        with open(f"{etc}/{name}", "w") as file:
            file.write(text)
    for name in ETC_COPIES:
        with contextlib.suppress(OSError):
            _copy(f"/etc/{name}", f"{etc}/{name}")


def _add_system(template: Template) -> None:
    _bind(template, "/usr")
    for name in SYSTEM_DIRECTORIES:
        path = f"/{name}"
        if os.path.islink(path):
            os.symlink(os.readlink(path), f"{template.base}/content/{name}")
        elif os.path.isdir(path):
            _bind(template, path)


def _add_devices(template: Template) -> None:
    for name in DEVICES:
        path = f"/dev/{name}"
        place = f"{template.base}/content{path}"
        with open(place, "wb"):
            pass
        kernel.mount(path, template.root + path, None, kernel.MS_BIND)
        template.bound.add(path)
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"{template.base}/content/dev/{name}")


def _bind(template: Template, path: str) -> None:
    """Show the host's ``path`` at the same place."""
    if path.startswith("/etc/"):
        place = f"{template.base}{path}"
    else:
        place = f"{template.base}/content{path}"
    if stat.S_ISDIR(os.stat(path).st_mode):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "ab"):
            pass
    kernel.mount(path, template.root + path, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.mount_setattr(template.root + path, _READ_ONLY | _FILE_SYSTEM, recursive=True)
    template.bound.add(path)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Existing paths and what they resolve to, shortest first, none below another."""
    wanted: set[str] = set()
    for path in paths:
        if path and os.path.exists(path):
            wanted.update((os.path.abspath(path), os.path.realpath(path)))
    wanted.discard("/")
    chosen: list[str] = []
    for path in sorted(wanted, key=len):
        if not any(_is_below(path, other) for other in chosen):
            chosen.append(path)
    return chosen


def _is_below(path: str, ancestor: str) -> bool:
    return path != ancestor and path.startswith(ancestor.rstrip("/") + "/")


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as original:
        content = original.read(1024 * 1024)
    with open(target, "wb") as copy:
        copy.write(content)
