"""What a person sees when something is wrong with the code, the request or the object."""

from __future__ import annotations

import concurrent.futures
import io
import json
import stat
import zipfile

import pytest

from tests.e2e import platform as platforms


def fn_test(platform: platforms.Platform, name: str) -> str:
    done = platform.fission("fn", "test", "--name", name, check=False)
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_syntax_error_is_shown_to_the_owner_only(platform: platforms.Platform) -> None:
    platform.deploy("syntax", "def main(:\n    pass\n")
    assert "SyntaxError" in fn_test(platform, "syntax")
    public = platform.wait_call("/syntax", lambda answer: answer.status != 404)
    assert public.status == 500
    assert "SyntaxError" not in public.text
    assert json.loads(public.text)["reason"] == "specialization_failed"


def test_an_entry_point_that_is_not_there_names_what_is(platform: platforms.Platform) -> None:
    platform.deploy("entry", "def handler():\n    return ''\n", entry_point="entry.mian")
    said = fn_test(platform, "entry")
    assert "mian" in said
    assert "handler" in said


def test_an_environment_that_is_not_there_names_those_that_are(
    platform: platforms.Platform,
) -> None:
    code = platform.write("any.py", "def main():\n    return ''\n")
    done = platform.fission(
        "fn", "create", "--name", "noenv", "--env", "pyhton", "--code", code, check=False
    )
    assert done.returncode == 1
    assert "pyhton" in done.stderr
    assert "python" in done.stderr.replace("pyhton", "")


def test_an_environment_whose_image_is_unknown_says_so_in_bounded_time(
    platform: platforms.Platform,
) -> None:
    platform.fission("env", "create", "--name", "cobol", "--image", "fission/cobol-env")
    code = platform.write("any.py", "def main():\n    return ''\n")
    platform.fission("fn", "create", "--name", "nopods", "--env", "cobol", "--code", code)
    assert "cobol" in fn_test(platform, "nopods")


def test_a_function_slower_than_its_timeout_is_cut_and_the_next_call_is_fine(
    platform: platforms.Platform,
) -> None:
    platform.deploy(
        "slow",
        "import time\nfrom flask import request\n"
        "def main():\n    if 'slow' in request.args:\n        time.sleep(30)\n    return 'quick'\n",
        *("--ft", "1"),
    )
    assert platform.wait_call("/slow").text == "quick"
    cut = platform.call("/slow?slow=1")
    assert cut.status == 504
    assert json.loads(cut.text)["reason"] == "function_timeout"
    assert platform.call("/slow").text == "quick"


def test_a_function_that_ends_its_process_fails_that_call_only(
    platform: platforms.Platform,
) -> None:
    platform.deploy(
        "crash",
        "import os\nfrom flask import request\n"
        "def main():\n    if 'die' in request.args:\n        os._exit(3)\n    return 'alive'\n",
    )
    assert platform.wait_call("/crash").text == "alive"
    for _ in range(3):
        assert platform.call("/crash?die=1").status in (500, 502)
        assert platform.call("/crash").text == "alive"


def zip_of(members: list[tuple[zipfile.ZipInfo | str, bytes]]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return sink.getvalue()


def a_link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("link.py")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


HOSTILE = {
    "escape": (zip_of([("main.py", b"def main(): return ''"), ("../../evil.py", b"")]), "outside"),
    "link": (zip_of([("main.py", b""), (a_link(), b"/etc/passwd")]), "link"),
    "bomb": (zip_of([("main.py", b""), ("zeros", b"\0" * (64 << 20))]), "times its size"),
    "corrupt": (zip_of([("main.py", b"x" * 3000)])[:-40], ""),
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_archive_is_refused(platform: platforms.Platform, kind: str) -> None:
    content, reason = HOSTILE[kind]
    path = platform.home / "work" / f"{kind}.zip"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
    name = f"hostile-{kind}"
    done = platform.fission(
        *("fn", "create", "--name", name, "--env", "python", "--deploy", str(path)),
        *("--entrypoint", "main.main"),
        check=False,
    )
    said = fn_test(platform, name) if done.returncode == 0 else done.stderr
    assert reason in said
    written = {path.name for path in platforms.everything_below(platform.home)}
    assert "evil.py" not in written


def test_a_checksum_mismatch_is_refused(platform: platforms.Platform) -> None:
    platform.deploy("summed", "def main():\n    return ''\n")
    package = platform.fission("fn", "list", "-o", "json").stdout
    (function,) = (f for f in json.loads(package) if f["metadata"]["name"] == "summed")
    # A literal is not verified (contract); one that went through storage is.
    big = "# " + "x" * 300_000 + "\ndef main():\n    return 'big'\n"
    platform.deploy("bigsummed", big)
    assert platform.wait_call("/bigsummed").text == "big"
    function = next(
        f
        for f in json.loads(platform.fission("fn", "list", "-o", "json").stdout)
        if f["metadata"]["name"] == "bigsummed"
    )
    name = function["spec"]["package"]["packageref"]["name"]
    patch = {"spec": {"deployment": {"checksum": {"type": "sha256", "sum": "0" * 64}}}}
    platform.kubectl("patch", "package", name, "--type", "merge", "-p", json.dumps(patch))
    patch_fn = {"spec": {"package": {"packageref": {"resourceversion": "1"}}}}
    platform.kubectl(
        "patch", "function", "bigsummed", "--type", "merge", "-p", json.dumps(patch_fn)
    )
    said = platforms.eventually(
        lambda: platform.fission("fn", "test", "--name", "bigsummed", check=False),
        lambda done: done.returncode == 1,
    )
    assert "checksum" in said.stdout + said.stderr


def test_an_object_that_violates_the_schema_names_its_field(platform: platforms.Platform) -> None:
    document = {
        "apiVersion": "fission.io/v1",
        "kind": "Environment",
        "metadata": {"name": "invalid", "namespace": "default"},
        "spec": {"version": 9, "runtime": {"image": "fission/python-env"}},
    }
    done = platform.run(
        *("kubectl", "--kubeconfig", str(platform.home / "kubeconfig"), "create", "-f", "-"),
        check=False,
        stdin=json.dumps(document),
    )
    assert done.returncode == 1
    assert "spec.version" in done.stderr


def test_concurrent_first_calls_are_all_answered(platform: platforms.Platform) -> None:
    platform.deploy("burst", "import time\ndef main():\n    time.sleep(0.05)\n    return 'b'\n")
    platform.wait_call("/burst")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: platform.call("/burst"), range(12)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, "b")}
