import os
import shutil

import pytest

from fission.cluster.kubelet import storage


def a_pod(limit=None, *storages):
    containers = [
        {"name": str(i), "resources": {"limits": {"ephemeral-storage": s}}}
        for i, s in enumerate(storages)
    ] or [{"name": "c"}]
    source = {} if limit is None else {"sizeLimit": limit}
    volumes = [{"name": "v", "emptyDir": source}, {"name": "s", "secret": {}}]
    return {"spec": {"containers": containers, "volumes": volumes}}


def test_what_a_pod_declares():
    assert storage.bounds_of(a_pod()) == []
    [bound] = storage.bounds_of(a_pod("1Mi"))
    assert (bound.volumes, bound.logs, bound.limit_bytes) == (("v",), False, 1 << 20)
    [bound] = storage.bounds_of(a_pod(None, "1Mi", "2Mi"))
    assert (bound.volumes, bound.logs, bound.limit_bytes) == (("v",), True, 3 << 20)


def test_a_volume_that_grows_too_large(tmp_path):
    folder, logs = tmp_path / "v", tmp_path / "logs"
    (folder / "deep").mkdir(parents=True)
    (folder / "link").symlink_to("/usr")
    bounds = storage.bounds_of(a_pod("64Ki"))

    assert storage.over(bounds, {"v": folder}, logs) == ""
    (folder / "deep" / "file").write_bytes(b"x" * (128 << 10))
    assert storage.over(bounds, {"v": folder}, logs) == (
        'Usage of EmptyDir volume "v" exceeds the limit "64Ki".'
    )


def test_logs_count_for_the_pod(tmp_path):
    (tmp_path / "0.log").write_bytes(b"x" * (128 << 10))
    assert "total limit" in storage.over(storage.bounds_of(a_pod(None, "64Ki")), {}, tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_nothing_is_hidden_by_closing_a_folder(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(0o000)
    bounds = storage.bounds_of(a_pod("1Gi"))
    try:
        assert "cannot be read" in storage.over(bounds, {"v": tmp_path}, tmp_path / "logs")
    finally:
        closed.chmod(0o700)


def test_nothing_is_hidden_deeper_than_a_path_may_lead(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    bounds = storage.bounds_of(a_pod("1Gi"))
    message = storage.over(bounds, {"v": tmp_path}, tmp_path / "logs")
    assert "cannot be read: File name too long" in message
    assert len(message) < 400
    shutil.rmtree(tmp_path / ("d" * 250))


def test_what_takes_long_to_count_is_counted_less_often():
    assert storage.rest_after(0.01) == storage.PERIOD_SECONDS
    assert storage.rest_after(3.0) == 60.0
