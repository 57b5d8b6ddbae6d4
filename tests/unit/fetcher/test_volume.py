"""Writing into a pod's directory: in one step, for whom it is, and never after its end."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from fission.fetcher import errors, volume


def tree(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_a_tree_replaces_another_whole(tmp_path: Path) -> None:
    pod = tree(tmp_path / "pod")
    opened = volume.Volume(pod)
    opened.put_copy(tree(tmp_path / "one", a="1", b="2"), "code")
    opened.put_copy(tree(tmp_path / "two", a="3"), "code")
    assert [path.name for path in (pod / "code").iterdir()] == ["a"]
    opened.put_copy(tmp_path / "two" / "a", "code")
    assert (pod / "code").read_text() == "3"
    opened.put_copy(tmp_path / "one", "code")
    assert os.listdir(pod) == ["code"]
    opened.close()


def test_files_of_settings_change_together(tmp_path: Path) -> None:
    pod = tree(tmp_path / "pod")
    opened = volume.Volume(pod)
    opened.put_files("default/tls", {"tls.crt": b"1", "tls.key": b"1", "old": b""}, 0o750)
    before = os.open(pod / "default" / "tls", os.O_RDONLY)
    opened.put_files("default/tls", {"tls.crt": b"2", "tls.key": b"2"}, 0o750)
    found = {path.name: path.read_bytes() for path in (pod / "default" / "tls").iterdir()}
    assert found == {"tls.crt": b"2", "tls.key": b"2"}
    assert stat.S_IMODE((pod / "default" / "tls" / "tls.key").stat().st_mode) == 0o750
    assert os.fstat(before).st_ino != (pod / "default" / "tls").stat().st_ino
    assert os.listdir(pod) == ["default"]
    os.close(before)
    opened.close()


def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    pod, outside = tree(tmp_path / "pod"), tree(tmp_path / "outside", keep="x")
    (pod / "default").mkdir()
    (pod / "default" / "tls").symlink_to(outside)
    (pod / "code").symlink_to(outside)
    opened = volume.Volume(pod)
    opened.put_files("default/tls", {"a": b"1"}, 0o750)
    opened.put_copy(tree(tmp_path / "new", b="2"), "code")
    assert os.listdir(outside) == ["keep"]
    (pod / "other").symlink_to(outside)
    with pytest.raises(errors.BadRequest, match="'other/x' leads through a link"):
        opened.put_file("other/x", b"1")
    assert os.listdir(outside) == ["keep"]
    opened.close()


@pytest.mark.parametrize(("mode", "shown"), [(0o755, 0o644), (0o777, 0o666), (0o775, 0o664)])
def test_sources_are_writable_for_whom_their_folder_is(
    tmp_path: Path, mode: int, shown: int
) -> None:
    pod = tree(tmp_path / "pod")
    pod.chmod(mode)
    opened = volume.Volume(pod, for_builders=True)
    opened.put_copy(tree(tmp_path / "source", a="1"), "code")
    assert stat.S_IMODE((pod / "code" / "a").stat().st_mode) == shown
    assert stat.S_IMODE((pod / "code").stat().st_mode) == mode
    opened.close()
    as_function = volume.Volume(pod)
    as_function.put_copy(tmp_path / "source", "function")
    assert stat.S_IMODE((pod / "function" / "a").stat().st_mode) == 0o644
    as_function.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    pod = tree(tmp_path / "pod")
    os.chown(pod, 12345, 12346)
    opened = volume.Volume(pod, for_builders=True)
    opened.put_copy(tree(tmp_path / "source", a="1"), "code")
    for path in (pod / "code", pod / "code" / "a"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
    opened.close()


def test_executable_files_are_executable_in_the_pod(tmp_path: Path) -> None:
    pod, source = tree(tmp_path / "pod"), tree(tmp_path / "source", run="#!/bin/sh\n")
    (source / "run").chmod(0o755)
    opened = volume.Volume(pod)
    opened.put_copy(source, "code")
    assert stat.S_IMODE((pod / "code" / "run").stat().st_mode) == 0o755
    opened.close()


def test_closing_ends_what_is_being_written_and_leaves_nothing(tmp_path: Path) -> None:
    pod = tree(tmp_path / "pod")
    source = tree(tmp_path / "source", **{f"f{number:04}": "x" for number in range(800)})
    opened = volume.Volume(pod)
    outcome: list[BaseException] = []

    def copy() -> None:
        try:
            opened.put_copy(source, "code")
        except errors.PodGone as error:
            outcome.append(error)

    writer = threading.Thread(target=copy)
    writer.start()
    while not opened.leftovers():
        writer.join(0.001)
        assert writer.is_alive()
    opened.close()
    writer.join(10)
    assert len(outcome) == 1
    assert os.listdir(pod) == []
    with pytest.raises(errors.PodGone):
        opened.put_file("late", b"")


def test_leftovers_are_told_from_what_is_the_pods(tmp_path: Path) -> None:
    pod = tree(tmp_path / "pod", mine="x")
    (pod / ".fetching-abcdefgh").mkdir()
    opened = volume.Volume(pod)
    assert opened.leftovers() == [".fetching-abcdefgh"]
    opened.remove(".fetching-abcdefgh")
    assert os.listdir(pod) == ["mine"]
    opened.close()
