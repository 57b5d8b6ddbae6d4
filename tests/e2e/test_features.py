"""What a person may rely on beyond the first function: routes, packages, limits, settings."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import http.client
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterator

import pytest

from tests.e2e import platform as platforms

ECHO = """
from flask import request

def main():
    return {"method": request.method, "path": request.full_path, "headers": dict(request.headers)}
"""
SLEEPER = """
import time
from flask import request

def main():
    time.sleep(float(request.args.get("seconds", 0)))
    return "slept"
"""
DEEP = {
    "main.py": "from pkg.sub import deep\n\ndef main():\n    return deep.word()\n",
    "pkg/__init__.py": "",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "def word():\n    return 'deep'\n\ndef main():\n    return 'deeper'\n",
}


def route(platform: platforms.Platform, name: str, *flags: str) -> None:
    platform.fission("route", "create", "--name", name, *flags)


def folder(platform: platforms.Platform, name: str) -> pathlib.Path:
    for path, content in DEEP.items():
        platform.write(f"{name}/{path}", content)
    found = platform.home / "work" / name
    for each in (found, found / "pkg", found / "pkg" / "sub"):
        each.chmod(0o755)
    return found


def pods_of(platform: platforms.Platform, name: str) -> list[str]:
    lines = platform.fission("fn", "pods", "--name", name).stdout.splitlines()[1:]
    return [line.split()[0] for line in lines if line.strip()]


# --- routes ---------------------------------------------------------------------------------


def test_a_route_decides_what_the_function_sees(platform: platforms.Platform) -> None:
    platform.deploy("echo", ECHO)
    route(platform, "cut", "--prefix", "/cut", "--function", "echo")
    route(platform, "kept", "--prefix", "/kept", "--keepprefix", "--function", "echo")
    route(platform, "named", "--url", "/named/{user}/{id:[0-9]+}", "--function", "echo")

    seen = json.loads(platform.wait_call("/named/bob/12?q=1").text)
    assert seen["path"] == "/?q=1"
    headers = seen["headers"]
    assert (headers["X-Fission-Params-User"], headers["X-Fission-Params-Id"]) == ("bob", "12")
    assert headers["X-Fission-Full-Url"] == "/named/bob/12?q=1"
    assert headers["X-Fission-Function-Name"] == "echo"
    assert headers["X-Fission-Function-Namespace"] == "default"
    assert headers["X-Forwarded-Host"] == urllib.parse.urlsplit(platform.router).netloc
    assert headers["X-Forwarded-For"] == "127.0.0.1"

    assert json.loads(platform.call("/cut").text)["path"] == "/?"
    assert json.loads(platform.call("/cut/a/b?z=1").text)["path"] == "/a/b?z=1"
    assert json.loads(platform.call("/kept/a").text)["path"] == "/kept/a?"
    missing = platform.call("/named/bob/x")
    assert (missing.status, missing.text) == (404, "404 page not found\n")
    forged = platform.call("/echo", X_Fission_Function_Name="forged", X_Fission_Request_ID="mine")
    assert json.loads(forged.text)["headers"]["X-Fission-Function-Name"] == "echo"
    assert forged.headers["X-Fission-Request-ID"] == "mine"


def test_a_route_takes_the_methods_and_the_host_that_it_names(
    platform: platforms.Platform,
) -> None:
    methods = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
    platform.deploy("methods", ECHO)
    named = [word for method in methods for word in ("--method", method)]
    route(platform, "all", "--url", "/all", "--function", "methods", *named)
    route(platform, "hosted", "--url", "/hosted", "--function", "methods", "--host", "a.example")

    platform.wait_call("/hosted", lambda answer: True)
    platforms.eventually(
        lambda: platform.call("/hosted", Host="a.example").status, lambda found: found == 200
    )
    assert platform.call("/hosted").status == 404
    for method in methods:
        answer = platform.call("/all", method, b"")
        assert answer.status == 200
        assert answer.text == "" if method == "HEAD" else json.loads(answer.text)["method"]
    refused = platform.call("/all")
    assert (refused.status, refused.text) == (405, "405 method not allowed\n")


@pytest.mark.usefixtures("kubectl")
def test_of_two_triggers_for_one_url_the_younger_says_why_it_is_not_served(
    platform: platforms.Platform,
) -> None:
    platform.deploy("first", "def main():\n    return 'first'\n")
    assert platform.wait_call("/first").text == "first"
    again = platform.fission(
        "route", "create", "--name", "second", "--url", "/first", "--function", "first", check=False
    )
    assert "already exists (first)" in again.stderr

    document = {
        "apiVersion": "fission.io/v1",
        "kind": "HTTPTrigger",
        "metadata": {"name": "second", "namespace": "default"},
        "spec": {
            "relativeurl": "/first",
            "methods": ["GET"],
            "functionref": {"type": "name", "name": "first"},
        },
    }
    platform.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    platform.kubectl("wait", "--for=condition=Ready=false", "httptrigger/second", "--timeout=10s")
    shown = platform.fission("route", "get", "--name", "second").stdout
    assert "RouteConflict" in shown
    assert "default/first" in shown


# --- packages -------------------------------------------------------------------------------


@contextlib.contextmanager
def web_server(directory: pathlib.Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_code_comes_as_folder_zip_pattern_or_url(platform: platforms.Platform) -> None:
    tree = folder(platform, "tree")
    zipped = tree.parent / "tree.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in DEEP:
            archive.write(tree / path, path)
    zipped.chmod(0o644)
    platform.write("flat/main.py", "import other\n\ndef main():\n    return other.word()\n")
    flat = platform.write("flat/other.py", "def word():\n    return 'flat'\n")
    pattern = str(pathlib.Path(flat).parent / "*.py")

    with web_server(tree.parent) as url:
        for name, source, entry, expected in (
            ("by-folder", str(tree), "main.main", "deep"),
            ("by-module", str(tree), "pkg.sub.deep.main", "deeper"),
            ("by-zip", str(zipped), "main.main", "deep"),
            ("by-pattern", pattern, "main", "flat"),
            ("by-url", f"{url}/tree.zip", "main.main", "deep"),
        ):
            platform.fission(
                *("fn", "create", "--name", name, "--env", "python"),
                *("--deploy", source, "--entrypoint", entry),
            )
            assert platform.fission("fn", "test", "--name", name).stdout == expected


def test_a_package_is_shared_fetched_back_and_removed_when_nobody_uses_it(
    platform: platforms.Platform,
) -> None:
    big = "# " + "x" * 300_000 + "\ndef main():\n    return 'big'\n\ndef other():\n    return 'o'\n"
    code = platform.write("shared.py", big)
    platform.fission("pkg", "create", "--name", "shared", "--env", "python", "--code", code)
    for name, entry in (("share-1", "shared.main"), ("share-2", "shared.other")):
        platform.fission("fn", "create", "--name", name, "--pkg", "shared", "--entrypoint", entry)
    assert platform.fission("fn", "test", "--name", "share-1").stdout == "big"
    assert platform.fission("fn", "test", "--name", "share-2").stdout == "o"
    assert "/v1/archive?id=" in platform.fission("pkg", "info", "--name", "shared").stdout
    assert platform.fission("pkg", "getdeploy", "--name", "shared").stdout == big

    changed = platform.write("shared2.py", "def main():\n    return 'changed'\n")
    refused = platform.fission(
        "fn", "update", "--name", "share-1", "--code", changed, "--entry", "main", check=False
    )
    assert "package is used by multiple functions" in refused.stderr
    used = platform.fission("pkg", "delete", "--name", "shared", check=False)
    assert "package is used by at least one function" in used.stderr

    for name in ("share-1", "share-2"):
        platform.fission("fn", "delete", "--name", name)
    assert "shared" in platform.fission("pkg", "list", "--orphan").stdout
    platform.fission("pkg", "delete", "--orphan")
    assert "shared" not in platform.fission("pkg", "list").stdout


# --- what a function is given ---------------------------------------------------------------


@pytest.mark.usefixtures("kubectl")
def test_secrets_and_config_maps_are_files_and_changes_arrive(
    platform: platforms.Platform,
) -> None:
    platform.kubectl("create", "secret", "generic", "login", "--from-literal=password=hunter2")
    platform.kubectl("create", "configmap", "modes", "--from-literal=mode=fast")
    platform.deploy(
        "files",
        "def main():\n"
        "    paths = ('/secrets/default/login/password', '/configs/default/modes/mode')\n"
        "    return ' '.join(open(path).read() for path in paths)\n",
        *("--secret", "login", "--configmap", "modes"),
    )
    assert platform.wait_call("/files").text == "hunter2 fast"
    platform.kubectl("patch", "configmap", "modes", "-p", '{"data": {"mode": "slow"}}')
    platform.wait_call("/files", lambda answer: answer.text == "hunter2 slow")


def test_variables_on_a_pool_follow_what_they_refer_to(platform: platforms.Platform) -> None:
    platform.kubectl("create", "secret", "generic", "bank", "--from-literal=pin=before-the-change")
    platform.deploy(
        "vars",
        "import os, subprocess\n"
        "WORD = os.environ['WORD']\n"
        "def main():\n"
        "    return WORD + subprocess.check_output('echo \" $PIN\"', shell=True, text=True)\n",
        *("-e", "WORD=hello", "--env-from-secret", "bank/pin:PIN"),
    )
    assert platform.wait_call("/vars").text == "hello before-the-change\n"
    platform.kubectl("patch", "secret", "bank", "-p", '{"stringData": {"pin": "after-it"}}')
    platform.wait_call("/vars", lambda answer: answer.text == "hello after-it\n")

    platform.deploy("unbanked", "def main(): pass\n", "--env-from-secret", "nowhere/pin:PIN")
    tested = platform.fission("fn", "test", "--name", "unbanked", check=False)
    assert tested.returncode == 1
    assert "Secret default/nowhere of function default/unbanked does not exist" in tested.stderr
    assert "before-the-change" not in platform.log_tail()


def test_a_function_that_cannot_be_imported_says_why(platform: platforms.Platform) -> None:
    platform.deploy("unimportable", "import not_a_module_at_all\n\ndef main(): pass\n")
    tested = platform.fission("fn", "test", "--name", "unimportable", check=False)
    assert tested.returncode == 1
    assert "ModuleNotFoundError: No module named 'not_a_module_at_all'" in tested.stderr
    assert "line 1, in <module>" in tested.stderr


def test_environments_of_every_version_and_their_changes(platform: platforms.Platform) -> None:
    source = "import os\n\ndef main():\n    return os.environ.get('WORD', 'none')\n"
    code = platform.write("word.py", source)
    for version in ("1", "2"):
        name = f"version-{version}"
        platform.fission(
            *("env", "create", "--name", name, "--image", "fission/python-env"),
            *("--version", version, "--runtime-env", "WORD=one"),
        )
        platform.fission("fn", "create", "--name", name, "--env", name, "--code", code)
        assert platform.fission("fn", "test", "--name", name).stdout == "one"
    platform.fission("env", "update", "--name", "version-2", "--runtime-env", "WORD=two")
    platforms.eventually(
        lambda: platform.fission("fn", "test", "--name", "version-2", check=False).stdout,
        lambda said: said == "two",
    )
    used = platform.fission("env", "delete", "--name", "version-1", check=False)
    assert "environment is used by at least one function\n  by version-1\n" in used.stderr


def test_an_environment_without_warm_pods_gets_one_for_a_request(
    platform: platforms.Platform,
) -> None:
    code = platform.write("none.py", "def main():\n    return 'made for it'\n")
    platform.fission(
        *("env", "create", "--name", "empty", "--image", "fission/python-env", "--poolsize", "0")
    )
    platform.fission("fn", "create", "--name", "not-pooled", "--env", "empty", "--code", code)
    assert platform.fission("fn", "test", "--name", "not-pooled").stdout == "made for it"


@pytest.mark.usefixtures("kubectl")
def test_namespaces_are_apart(platform: platforms.Platform) -> None:
    missing = platform.fission("fn", "get", "--name", "f", "-n", "team-a", check=False)
    assert "kubectl create namespace team-a" in missing.stderr
    platform.kubectl("create", "namespace", "team-a")
    code = platform.write("team.py", "def main():\n    return 'team'\n")
    there = ("-n", "team-a", "--name")
    platform.fission(
        *("env", "create", *there, "python", "--image", "fission/python-env", "--poolsize", "1")
    )
    platform.fission("fn", "create", *there, "teamwork", "--env", "python", "--code", code)
    platform.fission("route", "create", *there, "team", "--url", "/team", "--function", "teamwork")
    assert platform.fission("fn", "test", *there, "teamwork").stdout == "team"
    assert platform.wait_call("/team").text == "team"
    assert "teamwork" not in platform.fission("fn", "list").stdout
    assert "teamwork" in platform.fission("fn", "list", "-A").stdout


# --- limits ---------------------------------------------------------------------------------


def test_no_more_pods_than_the_concurrency_and_429_beyond(platform: platforms.Platform) -> None:
    platform.deploy("limited", SLEEPER, "--concurrency", "1")
    assert platform.wait_call("/limited").text == "slept"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(platform.call, ["/limited?seconds=0.5"] * 3))
    assert sorted(answer.status for answer in answers) == [200, 429, 429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert json.loads(refused.text)["reason"] == "capacity_exceeded"
    assert refused.headers["X-Fission-Component"] == "executor"
    assert platform.call("/limited").text == "slept"


def test_requests_share_a_pod_or_never_meet_one_again(platform: platforms.Platform) -> None:
    platform.deploy("sharing", SLEEPER, "--requestsperpod", "5", "--concurrency", "1")
    platform.wait_call("/sharing")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(platform.call, ["/sharing?seconds=0.2"] * 5))
    assert {answer.status for answer in answers} == {200}
    assert len(pods_of(platform, "sharing")) == 1

    platform.deploy(
        "once",
        "calls = []\n\ndef main():\n    calls.append(1)\n    return str(len(calls))\n",
        "--yolo",
    )
    assert platform.wait_call("/once").text == "1"
    assert [platform.call("/once").text for _ in range(2)] == ["1", "1"]


def test_an_idle_pod_goes_and_the_next_call_gets_another(platform: platforms.Platform) -> None:
    platform.deploy("idle", "def main():\n    return 'here'\n", "--idletimeout", "1")
    assert platform.wait_call("/idle").text == "here"
    table = ("fn", "pods", "--name", "idle")
    platforms.eventually(lambda: " true " not in platform.fission(*table).stdout)
    assert platform.call("/idle").text == "here"


def test_a_body_larger_than_the_limit_is_refused_before_it_is_sent(
    platform: platforms.Platform,
) -> None:
    platform.deploy("bounded", "def main():\n    return ''\n")
    route(
        platform, "bounded-post", "--url", "/bounded", "--method", "POST", "--function", "bounded"
    )
    platform.wait_call("/bounded")
    connection = http.client.HTTPConnection(
        urllib.parse.urlsplit(platform.router).netloc, timeout=platforms.DEADLINE_SECONDS
    )
    with contextlib.closing(connection):
        connection.putrequest("POST", "/bounded")
        connection.putheader("Content-Length", str((256 << 20) + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
    assert platform.call("/bounded").status == 200


# --- answers, output and change -------------------------------------------------------------


def test_an_answer_arrives_piece_by_piece(platform: platforms.Platform) -> None:
    """The function holds its second piece back until the first one has been received."""
    platform.deploy(
        "stream",
        "import threading\nfrom flask import Response, request\n\ngo = threading.Event()\n\n"
        "def main():\n"
        "    if 'go' in request.args:\n        go.set()\n        return 'gone'\n"
        "    def pieces():\n"
        "        yield 'first\\n'\n        go.wait(20)\n        yield 'second\\n'\n"
        "    return Response(pieces(), mimetype='text/event-stream')\n",
        *("--requestsperpod", "2", "--concurrency", "1"),
    )
    platform.wait_call("/stream?go=1")
    connection = http.client.HTTPConnection(
        urllib.parse.urlsplit(platform.router).netloc, timeout=platforms.DEADLINE_SECONDS
    )
    with contextlib.closing(connection):
        connection.request("GET", "/stream")
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.readline() == b"first\n"
        assert platform.call("/stream?go=1").text == "gone"
        assert response.read() == b"second\n"


def test_a_function_that_raises_shows_its_traceback_to_the_owner_with_the_first_call(
    platform: platforms.Platform,
) -> None:
    platform.deploy("raises", "def main():\n    raise ValueError('kaboom')\n")
    tested = platform.fission("fn", "test", "--name", "raises", check=False)
    assert tested.returncode == 1
    assert "ValueError: kaboom" in tested.stdout
    public = platform.wait_call("/raises", lambda answer: answer.status != 404)
    assert (public.status, "kaboom" in public.text) == (500, False)


def test_followed_logs_show_a_line_while_the_function_still_runs(
    platform: platforms.Platform,
) -> None:
    platform.deploy(
        "talks",
        "import threading\nfrom flask import request\n\ngo = threading.Event()\n\n"
        "def main():\n"
        "    if 'go' in request.args:\n        go.set()\n        return 'gone'\n"
        "    print('before', request.args['n'])\n"
        "    if request.args['n'] == '1':\n        go.wait(20)\n"
        "    print('after')\n    return 'done'\n",
        *("--requestsperpod", "2", "--concurrency", "1"),
    )
    platform.wait_call("/talks?n=0")
    following = subprocess.Popen(
        platform.account.command(
            [sys.executable, "-m", "fission.cli.main", "fn", "logs", "-f", "--name", "talks"]
        ),
        env=platform._env,
        cwd=platform.home,
        stdout=subprocess.PIPE,
        text=True,
    )
    with following, concurrent.futures.ThreadPoolExecutor(1) as pool:
        try:
            assert following.stdout is not None
            assert following.stdout.readline() == "before 0\n"
            call = pool.submit(platform.call, "/talks?n=1")
            assert following.stdout.readline() == "after\n"
            assert following.stdout.readline() == "before 1\n"
            assert not call.done()
            platform.call("/talks?go=1")
            assert call.result(platforms.DEADLINE_SECONDS).text == "done"
        finally:
            following.terminate()


def test_no_request_fails_while_a_function_is_updated(platform: platforms.Platform) -> None:
    platform.deploy("busy", "def main():\n    return '0'\n")
    platform.wait_call("/busy")
    stop = threading.Event()

    def load() -> set[tuple[int, str]]:
        seen = set()
        while not stop.is_set():
            answer = platform.call("/busy")
            seen.add((answer.status, answer.text))
        return seen

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        loads = [pool.submit(load) for _ in range(3)]
        try:
            for word in ("1", "2", "3"):
                code = platform.write("busy.py", f"def main():\n    return '{word}'\n")
                platform.fission("fn", "update", "--name", "busy", "--code", code)
                assert platform.call("/busy").text == word
        finally:
            stop.set()
        seen = set().union(*(each.result(platforms.DEADLINE_SECONDS) for each in loads))
    assert {status for status, _ in seen} == {200}
    assert {text for _, text in seen} == {"0", "1", "2", "3"}


@pytest.mark.usefixtures("kubectl")
def test_the_router_is_replaced_without_a_failed_request(platform: platforms.Platform) -> None:
    platform.deploy("steady", "def main():\n    return 'steady'\n")
    platform.wait_call("/steady")
    stop = threading.Event()

    def load() -> set[int]:
        seen = set()
        while not stop.is_set():
            seen.add(platform.call("/steady").status)
        return seen

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(load) for _ in range(2)]
        try:
            platform.kubectl("rollout", "restart", "deployment/router", "-n", "fission")
            platform.kubectl(
                *("rollout", "status", "deployment/router", "-n", "fission", "--timeout=20s")
            )
        finally:
            stop.set()
        seen = set().union(*(each.result(platforms.DEADLINE_SECONDS) for each in loads))
    assert seen == {200}


def test_a_slow_call_does_not_hold_up_another_of_the_same_pod(
    platform: platforms.Platform,
) -> None:
    platform.deploy("mixed", SLEEPER, "--requestsperpod", "2", "--concurrency", "1")
    platform.wait_call("/mixed")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(platform.call, "/mixed?seconds=2")
        started = time.monotonic()
        assert platform.call("/mixed").text == "slept"
        assert time.monotonic() - started < 1.5
        assert slow.result(platforms.DEADLINE_SECONDS).status == 200
