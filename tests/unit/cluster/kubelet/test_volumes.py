import base64
import os

import pytest

from fission.cluster.kubelet import errors, files, volumes


def content(folder):
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith("..")]
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as source:
                found[os.path.relpath(path, folder)] = source.read()
    for name in os.listdir(folder):
        if not name.startswith("..") and os.path.isdir(os.path.join(folder, name)):
            for place, _, names in os.walk(os.path.realpath(os.path.join(folder, name))):
                for inner in names:
                    with open(os.path.join(place, inner), "rb") as source:
                        found[f"{name}/{inner}"] = source.read()
    return found


def test_a_folder_holds_exactly_the_files_given_and_changes_at_once(tmp_path):
    folder = tmp_path / "v"
    assert files.replace_all(folder, {"a": files.File(b"1"), "d/b": files.File(b"2")})
    assert content(folder) == {"a": b"1", "d/b": b"2"}
    link = os.readlink(folder / "..data")

    assert not files.replace_all(folder, {"a": files.File(b"1"), "d/b": files.File(b"2")})
    assert os.readlink(folder / "..data") == link

    assert files.replace_all(folder, {"a": files.File(b"new", 0o600)})
    assert content(folder) == {"a": b"new"}
    assert (folder / "a").stat().st_mode & 0o777 == 0o600
    assert len([n for n in os.listdir(folder) if n.startswith("..")]) == 2


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "..data"])
def test_paths_that_leave_their_volume_are_refused(tmp_path, path):
    with pytest.raises(errors.VolumeError, match="must be relative"):
        files.replace_all(tmp_path / "v", {path: files.File(b"")})


def test_a_sub_path_through_a_planted_link_is_refused(tmp_path):
    root = tmp_path / "v"
    (root / "real").mkdir(parents=True)
    (root / "link").symlink_to("/etc")

    assert files.below(root, "real") == root / "real"
    with pytest.raises(errors.VolumeError, match="leaves its volume"):
        files.below(root, "link/passwd")


def a_secret(**data):
    return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def test_keys_of_a_secret():
    planned = volumes.plan_keys("secret", "s", {}, a_secret(a="1", b="2"), 0o640)

    assert planned == {"a": files.File(b"1", 0o640), "b": files.File(b"2", 0o640)}


def test_items_choose_path_and_mode():
    source = {"items": [{"key": "a", "path": "x/y", "mode": 0o400}]}

    planned = volumes.plan_keys("secret", "s", source, a_secret(a="1", b="2"), 0o644)

    assert planned == {"x/y": files.File(b"1", 0o400)}


def test_config_maps_may_hold_binary_data():
    found = {"data": {"t": "ü"}, "binaryData": {"b": base64.b64encode(b"\xff").decode()}}

    planned = volumes.plan_keys("configMap", "c", {}, found, 0o644)

    assert planned == {"t": files.File("ü".encode()), "b": files.File(b"\xff")}


def test_what_is_missing_is_named_unless_it_is_optional():
    with pytest.raises(errors.VolumeError, match='secret "s" not found'):
        volumes.plan_keys("secret", "s", {}, None, 0o644)
    with pytest.raises(errors.VolumeError, match="has no key 'z'"):
        volumes.plan_keys("configMap", "c", {"items": [{"key": "z", "path": "z"}]}, {}, 0)
    assert volumes.plan_keys("secret", "s", {"optional": True}, None, 0o644) == {}


def test_the_downward_api():
    pod = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]},
    }
    source = {
        "items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}},
        ]
    }

    planned = volumes.plan_downward(pod, source, "ip", "host", 0o644)

    assert planned == {"labels": files.File(b'a="b"'), "cpu": files.File(b"2")}


def test_other_kinds_are_refused_by_name():
    with pytest.raises(errors.Refused, match='volume "v": type nfs is not supported'):
        volumes.kind_of({"name": "v", "nfs": {}})
    with pytest.raises(errors.Refused, match="hostPath is only for the platform's own images"):
        volumes.host_path("v", {"path": "/"}, confined=True)
