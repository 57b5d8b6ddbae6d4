"""Archives of specs: packed from files, put into packages, sent where they are nowhere yet."""

import asyncio
import base64
import hashlib
import zipfile

import pytest

from fission.cli import errors
from fission.cli.spec import document, parcels


def an_archive(root, *include, name="code", exclude=()):
    return document.ArchiveUploadSpec(name, root, include, exclude, root / "app.yaml", 1)


def a_package(name="p", part="deployment", archive="code"):
    spec = {part: {"type": "url", "url": f"archive://{archive}"}}
    return {
        "kind": "Package",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def packed(tmp_path, *listed):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return asyncio.run(parcels.pack(listed, scratch))


def test_one_small_file_becomes_part_of_its_package(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    made = packed(tmp_path, an_archive(tmp_path, "a.py"))
    literal = base64.b64encode(b"x = 1\n").decode()
    filled = parcels.put_in(a_package(), made, {})
    assert filled["spec"] == {"deployment": {"type": "literal", "literal": literal}}
    assert parcels.missing([a_package()], made, {}) == {}


def test_several_files_are_one_zip_without_what_is_excluded(tmp_path):
    source = tmp_path / "src"
    (source / "deep").mkdir(parents=True)
    for name in ("a.py", "a_test.py", "deep/b.py", "deep/b_test.py"):
        (source / name).write_text(name)
    archive = an_archive(tmp_path, "src", exclude=("src/**/*_test.py",))
    (parcel,) = packed(tmp_path, archive).values()
    with zipfile.ZipFile(parcel.path) as found:
        assert found.namelist() == ["a.py", "deep/b.py"]


def test_a_large_one_is_sent_once_per_namespace_unless_a_package_has_it(tmp_path):
    content = bytes(range(256)) * 1200
    (tmp_path / "large.bin").write_bytes(content)
    made = packed(tmp_path, an_archive(tmp_path, "large.bin"))
    digest = hashlib.sha256(content).hexdigest()
    packages = [a_package(), a_package("q", "source")]
    assert set(parcels.missing(packages, made, {})) == {parcels.Address("default", digest)}

    there = {
        "kind": "Package",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {"source": {"url": "http://s/1", "checksum": {"type": "sha256", "sum": digest}}},
    }
    known = parcels.addresses([there])
    assert parcels.missing(packages, made, known) == {}
    filled = parcels.put_in(packages[1], made, known)
    assert filled["spec"]["source"] == {
        "type": "url",
        "url": "http://s/1",
        "checksum": {"type": "sha256", "sum": digest},
    }
    elsewhere = a_package()
    elsewhere["metadata"]["namespace"] = "other"
    assert len(parcels.missing([elsewhere], made, known)) == 1


def test_archives_that_nobody_uses_are_not_packed_and_missing_ones_are_named(tmp_path):
    listed = [an_archive(tmp_path, "a.py"), an_archive(tmp_path, "b.py", name="unused")]
    assert parcels.used(listed, [a_package()]) == listed[:1]
    with pytest.raises(errors.CliError, match="package p refers to archive://gone"):
        parcels.used(listed, [a_package(archive="gone")])
