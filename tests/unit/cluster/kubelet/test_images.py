import json
from pathlib import Path

import pytest

from fission.cluster.kubelet import errors, images


def a_manifest(**changes):
    return json.dumps(
        {
            "name": "python-env",
            "match": ["python-env", "python-env-3.*"],
            "zygote": {"entry": "server:main", "pythonpath": ["{image}/lib"]},
            **changes,
        }
    )


def a_catalog():
    root = Path("/images/python")
    wide = images.parse(a_manifest(name="wide", match=["python-*"]), root, "py")
    return images.Catalog([wide, images.parse(a_manifest(), root, "py")])


@pytest.mark.parametrize(
    "reference",
    [
        "python-env",
        "fission/python-env",
        "ghcr.io/fission/python-env-3.12:latest",
        "registry.example:5000/mirror/python-env@sha256:0123",
        "registry.example:5000/mirror/python-env:1.2@sha256:0123",
    ],
)
def test_the_last_segment_decides(reference):
    assert a_catalog().find(reference).name == "python-env"


def test_an_exact_name_wins_over_a_pattern_and_a_longer_pattern_over_a_shorter():
    assert a_catalog().find("python-other").name == "wide"
    assert a_catalog().find("python-env-3.12").name == "python-env"


def test_an_unknown_image_names_the_known_and_how_to_add_one():
    with pytest.raises(errors.UnknownImage) as caught:
        a_catalog().find("registry.example/none:1")

    assert str(caught.value) == (
        'Container image "registry.example/none:1" is not present on this node: no image answers '
        'to "none". Known are: python-*, python-env. To add one, put a folder with an image.json '
        "into a folder of images and name that folder at start (fission up --images FOLDER)"
    )
    assert caught.value.reason == "ErrImageNeverPull"


def test_placeholders_are_filled_in():
    image = images.parse(
        a_manifest(command=["{python}", "{image}/run.py"], env={"A": "{image}"}), Path("/i"), "/py"
    )

    assert image.command == ("/py", "/i/run.py")
    assert image.pythonpath == ("/i/lib",)
    assert image.env == {"A": "/i"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "needs an object"),
        (a_manifest(shard="x"), "unknown field 'shard'"),
        (a_manifest(shared="all"), "shared: found 'all', allowed is 'node'"),
        (json.dumps({"match": ["x"]}), "field 'name' is missing"),
        (json.dumps({"name": "x"}), "needs a command or a zygote"),
        (a_manifest(match="x"), "found 'x', needs a list of texts"),
    ],
)
def test_a_wrong_manifest_is_refused(text, message):
    with pytest.raises(images.BadManifest, match=message):
        images.parse(text, Path("/i"), "py")


def test_missing_programs_are_named_with_the_way_to_get_them():
    needs = [
        {"executable": "no-such-program-here", "install": "apt-get install it"},
        {"executable": "no-such-program-either", "install": "apt-get install it"},
        {"executable": "sh", "install": ""},
    ]
    image = images.parse(a_manifest(needs=needs), Path("/i"), "py")

    assert images.missing_needs(image) == (
        "image python-env needs no-such-program-here, no-such-program-either on this machine: "
        "apt-get install it"
    )
    assert images.missing_needs(images.parse(a_manifest(), Path("/i"), "py")) is None


def test_a_module_that_is_missing_is_named_like_a_program() -> None:
    needs = [{"module": "json"}, {"module": "no_such_module.part", "install": "pip install it"}]
    image = images.parse(a_manifest(needs=needs), Path("/i"), "py")
    assert images.missing_needs(image) == (
        "image python-env needs no_such_module.part on this machine: pip install it"
    )


def test_a_spawner_is_named_for_all_that_it_has_taken_on():
    image = a_catalog().find("python-env")

    assert image.spawner_name(("numpy",)) == image.spawner_name(("numpy",))
    assert image.spawner_name(("numpy",)) != image.spawner_name(())
    assert image.spawner_name((), "full") != image.spawner_name((), "none")


def test_images_are_found_below_their_folder_and_the_first_of_a_name_wins(tmp_path):
    for folder, entry in (("mine", "mine:main"), ("theirs", "theirs:main")):
        (tmp_path / folder / "python").mkdir(parents=True)
        (tmp_path / folder / "python" / "image.json").write_text(
            a_manifest(zygote={"entry": entry})
        )

    catalog = images.load([tmp_path / "mine", tmp_path / "theirs" / "python"])

    assert [image.entry for image in catalog.images] == ["mine:main"]
    with pytest.raises(images.BadManifest, match="does not exist"):
        images.load([tmp_path / "nowhere"])


def test_images_are_found_two_levels_deep(tmp_path):
    for folder, name in (("node", "node-env"), ("node/builder", "node-builder")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "image.json").write_text(a_manifest(name=name, match=[name]))

    catalog = images.load([tmp_path])

    assert {image.name for image in catalog.images} == {"node-env", "node-builder"}
    assert Path(catalog.find("fission/node-builder").root) == tmp_path / "node" / "builder"


def test_the_id_of_an_image_changes_with_its_files_but_not_with_another_image_s(tmp_path):
    def load():
        return images.load([tmp_path]).find("python-env").id

    (tmp_path / "image.json").write_text(a_manifest())
    (tmp_path / "builder").mkdir()
    first = load()
    (tmp_path / "builder" / "image.json").write_text(a_manifest(name="b", match=["b"]))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"")

    assert first.startswith("python-env@sha256:")
    assert load() == first
    (tmp_path / "run.py").write_text("print()")
    assert load() != first
