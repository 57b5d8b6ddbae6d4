import gzip
import io
import os
import tarfile
import zipfile

import pytest

from fission.api import package_types
from fission.cli import archives, collect, context, errors


@pytest.fixture
def session(tmp_path):
    return context.Session({}, io.StringIO(), io.StringIO(), cwd=tmp_path)


@pytest.fixture
def tree(tmp_path):
    for name in ("src/main.py", "src/lib/util.py", "src/lib/data.txt", "one.py", "other/one.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


def given(*inputs, **options):
    return collect.Sources(inputs, options.pop("flag", "--deployarchive"), **options)


def members(archive):
    with zipfile.ZipFile(io.BytesIO(archive.literal)) as opened:
        return sorted(opened.namelist())


async def test_one_file_of_code_is_taken_as_it_is(session, tree):
    archive = await archives.make(session, given("one.py", flag="--code", as_is=True))

    assert archive == package_types.Archive(type="literal", literal=b"# one.py\n")


async def test_a_folder_is_zipped_from_its_inside(session, tree):
    assert members(await archives.make(session, given("src"))) == [
        "lib/data.txt",
        "lib/util.py",
        "main.py",
    ]


async def test_a_pattern_gives_what_it_matches(session, tree):
    assert members(await archives.make(session, given("src/*"))) == [
        "lib/data.txt",
        "lib/util.py",
        "main.py",
    ]
    assert members(await archives.make(session, given("src/**/*.py"))) == [
        "lib/util.py",
        "main.py",
    ]
    assert members(await archives.make(session, given("src/lib/*.py"))) == ["util.py"]


@pytest.mark.parametrize(
    ("inputs", "exclude", "expected"),
    [
        (["src"], ["lib/"], ["main.py"]),
        (["src"], ["src/lib"], ["main.py"]),
        (["src"], ["*.txt"], ["lib/util.py", "main.py"]),
        (["src/**"], ["./src/**/*.py"], ["lib/data.txt"]),
        (["src/*", "one.py"], ["*.py", "!one.py"], ["lib/data.txt", "one.py"]),
        (["src"], ["/lib"], ["lib/data.txt", "lib/util.py", "main.py"]),
    ],
)
async def test_what_is_excluded_stays_out(session, tree, inputs, exclude, expected):
    sources = collect.Sources(tuple(inputs), "include", exclude=tuple(exclude))

    assert members(await archives.make(session, sources)) == expected


async def test_a_folder_with_signs_of_patterns_in_its_name_is_a_folder(tmp_path, session, tree):
    (tree / "a[1]").mkdir()
    (tree / "a[1]" / "x.py").write_text("")
    session.cwd = tree / "a[1]"

    assert members(await archives.make(session, given("*.py", "./x.py"))) == ["x.py"]


async def test_several_inputs_are_one_archive(session, tree):
    assert members(await archives.make(session, given("one.py", "src/lib/util.py"))) == [
        "one.py",
        "util.py",
    ]


async def test_equal_trees_are_equal_archives(session, tree):
    first = await archives.make(session, given("src"))

    assert await archives.make(session, given("src")) == first


async def test_a_zip_is_not_zipped_again(session, tree):
    path = tree / "ready.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("main.py", "x")

    archive = await archives.make(session, given("ready.zip"))

    assert archive.literal == path.read_bytes()


@pytest.mark.parametrize("mode", ["w:gz", "w"])
async def test_a_tar_is_not_zipped(session, tree, mode):
    path = tree / "ready.tar"
    with tarfile.open(path, mode) as opened:
        opened.add(tree / "one.py", "one.py")

    archive = await archives.make(session, given("ready.tar"))

    assert archive.literal == path.read_bytes()


async def test_a_file_that_is_only_compressed_is_a_file(session, tree):
    (tree / "data.gz").write_bytes(gzip.compress(b"data"))

    assert members(await archives.make(session, given("data.gz"))) == ["data.gz"]


async def test_an_archive_that_nobody_unpacks_is_refused(session, tree):
    (tree / "code.tar.xz").write_bytes(b"\xfd7zXZ\x00" + bytes(100))

    with pytest.raises(errors.CliError, match=r"--deployarchive .*code\.tar\.xz: .*xz"):
        await archives.make(session, given("code.tar.xz"))


async def test_the_executable_bit_is_kept(session, tree):
    (tree / "src" / "main.py").chmod(0o744)
    archive = await archives.make(session, given("src"))

    with zipfile.ZipFile(io.BytesIO(archive.literal)) as opened:
        modes = {each.filename: each.external_attr >> 16 & 0o777 for each in opened.infolist()}
    assert modes == {"lib/data.txt": 0o644, "lib/util.py": 0o644, "main.py": 0o755}


async def test_links_inside_a_folder_are_followed(session, tree):
    (tree / "src" / "again").symlink_to("lib")
    (tree / "src" / "nothing").symlink_to("nowhere")

    assert members(await archives.make(session, given("src"))) == [
        "again/data.txt",
        "again/util.py",
        "lib/data.txt",
        "lib/util.py",
        "main.py",
    ]


async def test_when_files_were_touched_does_not_matter(session, tree):
    first = await archives.make(session, given("src"))
    os.utime(tree / "src" / "main.py", (0, 1_500_000_000))

    assert await archives.make(session, given("src")) == first


@pytest.mark.parametrize("checksum", ["ab", "g" * 64])
async def test_a_checksum_that_is_none_is_refused(session, checksum):
    sources = given("https://example.com/a.zip", flag="--sourcearchive", checksum=checksum)

    with pytest.raises(errors.UsageError, match=f"--srcchecksum {checksum}: want a SHA-256"):
        await archives.make(session, sources)


async def test_a_url_is_left_to_the_platform(session):
    url = "https://example.com/code.zip"

    archive = await archives.make(session, given(url, checksum="ab" * 32))

    assert archive == package_types.Archive(
        type="url", url=url, checksum=package_types.Checksum(type="sha256", sum="ab" * 32)
    )
    unchecked = await archives.make(session, given(url, insecure=True))
    assert unchecked.checksum == package_types.Checksum()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (given("nope.py"), "--deployarchive nope.py: no such file or directory"),
        (given("no*.py"), r"--deployarchive no\*.py: no file matches"),
        (given("http://a/b", "one.py"), "--deployarchive: one URL, or any number of files"),
        (given("src", flag="--code", as_is=True), "--code src is not one file"),
        (given("empty"), "--deployarchive empty: there is no file in it"),
        (given("one.py", "other/one.py"), r"would both be one\.py"),
    ],
)
async def test_inputs_that_make_no_archive(session, tree, sources, message):
    with pytest.raises(errors.CliError, match=message):
        await archives.make(session, sources)


async def test_a_link_that_leads_out_of_the_folder_is_refused(session, tree):
    (tree / "src" / "out.py").symlink_to(tree / "one.py")

    with pytest.raises(Exception, match="link that leads out"):
        await archives.make(session, given("src"))


@pytest.mark.parametrize(
    ("text", "name"), [("hello.py", "hello-py"), ("My_Code", "my-code"), ("---", "x")]
)
def test_names_are_made_of_file_names(text, name):
    assert archives.kubify(text) == name
