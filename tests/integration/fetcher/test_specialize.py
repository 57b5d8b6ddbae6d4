"""A pod is specialized: claimed, filled, loaded."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fission.base import clock as clocks
from fission.contracts import signing
from fission.fetcher import app, config
from fission_http import client as http_client
from fission_http import server
from tests.integration.fetcher import support
from tests.support import waiting as waits

HELLO = b"def main():\n    return 'hello'\n"


def literal(content: bytes) -> dict[str, str]:
    return {"type": "literal", "literal": base64.b64encode(content).decode()}


def url_archive(url: str, content: bytes | None = None) -> dict[str, Any]:
    archive: dict[str, Any] = {"type": "url", "url": url}
    if content is not None:
        archive["checksum"] = {"type": "sha256", "sum": hashlib.sha256(content).hexdigest()}
    return archive


async def test_a_literal_becomes_a_file_and_the_runtime_is_asked_to_load_it(
    tmp_path: Path,
) -> None:
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(HELLO))
        assert await pod.post("/specialize", request) == (200, "")
        assert (pod.userfunc / "deployarchive").read_bytes() == HELLO
        assert [r.path for r in pod.runtime.requests] == ["/v2/specialize"]
        load = json.loads(pod.runtime.bodies[0])
        assert load["functionName"] == "hello.main"
        assert load["FunctionMetadata"]["uid"] == "uid-1"


async def test_a_zip_becomes_a_tree_that_others_may_read(tmp_path: Path) -> None:
    packed = support.zip_bytes({"hello.py": HELLO, "pkg/mod.py": b"A = 1\n"})
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(packed))
        assert (await pod.post("/specialize", request))[0] == 200
        tree = pod.userfunc / "deployarchive"
        assert (tree / "pkg" / "mod.py").read_bytes() == b"A = 1\n"
        assert stat.S_IMODE(tree.stat().st_mode) == 0o755
        assert stat.S_IMODE((tree / "hello.py").stat().st_mode) == 0o644
        assert [p.name for p in pod.userfunc.iterdir()] == ["deployarchive"]


async def test_an_archive_that_is_kept_is_not_unpacked(tmp_path: Path) -> None:
    packed = support.zip_bytes({"App.class": b"\xca\xfe"})
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(packed), keeparchive=True)
        assert (await pod.post("/specialize", request))[0] == 200
        assert (pod.userfunc / "deployarchive").read_bytes() == packed


async def test_version_1_runtimes_get_an_empty_body(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(HELLO), filename="user")
        request["LoadReq"]["envVersion"] = 1
        assert (await pod.post("/specialize", request))[0] == 200
        assert pod.runtime.requests[0].path == "/specialize"
        assert pod.runtime.bodies == [b""]


async def test_another_function_is_refused_whatever_happens_meanwhile(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        first = support.specialize_request("uid-1", archive=literal(HELLO))
        second = support.specialize_request("uid-2", archive=literal(HELLO))
        results = await asyncio.gather(
            *(pod.post("/specialize", each) for each in (first, second, first))
        )
        assert [status for status, _ in results] == [200, 409, 200]
        assert results[1][1] == "this pod belongs to function default/fn-uid-1 (uid uid-1)"
        assert len(pod.runtime.requests) == 1
        assert json.loads((await pod.get("/claim"))[1])[0]["state"] == "loaded"


async def test_a_claim_outlives_the_fetcher_and_nothing_is_loaded_twice(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(HELLO))
        assert (await pod.post("/specialize", request))[0] == 200
    async with support.fetcher(tmp_path) as pod:
        other = support.specialize_request("uid-2", archive=literal(HELLO))
        assert (await pod.post("/specialize", other))[0] == 409
        assert (await pod.post("/specialize", request))[0] == 200
        assert pod.runtime.requests == []


async def test_a_function_that_does_not_load_answers_with_the_runtimes_words(
    tmp_path: Path,
) -> None:
    async with support.fetcher(tmp_path) as pod:
        pod.runtime.answer = lambda _: server.Response(500, body=b"Traceback: SyntaxError")
        request = support.specialize_request(archive=literal(b"def main(:\n"))
        assert await pod.post("/specialize", request) == (500, "Traceback: SyntaxError")
        pod.runtime.answer = lambda _: server.Response(200)
        assert await pod.post("/specialize", request) == (500, "Traceback: SyntaxError")
        assert len(pod.runtime.requests) == 1


async def test_a_runtime_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    late = support.listening()
    host, port = late.getsockname()
    late.close()
    async with support.fetcher(tmp_path) as pod:
        env = support.pod_env(tmp_path / "late", port)
        opened = support.listening()
        served = await pod.app.start_pod(config.Arguments(), env, [opened])
        pod.url = support.url_of(opened)
        request = support.specialize_request(archive=literal(HELLO))
        waiting = asyncio.ensure_future(pod.post("/specialize", request))
        code = tmp_path / "late" / "userfunc" / "deployarchive"
        await waits.until(code.exists)
        again = support.socket.create_server((host, port))
        async with support.Host().running(again) as runtime:
            assert (await waiting)[0] == 200
            assert len(runtime.requests) == 1
        await served.aclose()


async def test_a_runtime_that_dies_while_loading_is_reported(tmp_path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    dying = await asyncio.start_server(die, "127.0.0.1", 0)
    port = dying.sockets[0].getsockname()[1]
    async with support.fetcher(tmp_path) as pod:
        opened = support.listening()
        env = support.pod_env(tmp_path / "dying", port)
        served = await pod.app.start_pod(config.Arguments(), env, [opened])
        pod.url = support.url_of(opened)
        request = support.specialize_request(archive=literal(HELLO))
        status, text = await pod.post("/specialize", request)
        assert status == 500
        assert text.startswith("the runtime ended while it loaded the function")
        await served.aclose()
    dying.close()
    await dying.wait_closed()


async def test_an_archive_behind_a_url_is_checked_and_fetched_once_for_the_node(
    tmp_path: Path,
) -> None:
    packed = support.zip_bytes({"hello.py": HELLO})
    host = support.Host(lambda _: server.Response(200, body=packed))
    async with support.fetcher(tmp_path) as pod, host.running():
        request = support.specialize_request(archive=url_archive(host.url + "/h.zip", packed))
        assert (await pod.post("/specialize", request))[0] == 200
        opened = support.listening()
        second = tmp_path / "second"
        env = support.pod_env(second, json.loads(pod.env["POD_PORTS"])["8888"])
        served = await pod.app.start_pod(config.Arguments(), env, [opened])
        pod.url = support.url_of(opened)
        assert (await pod.post("/specialize", request))[0] == 200
        assert (second / "userfunc" / "deployarchive" / "hello.py").read_bytes() == HELLO
        assert len(host.requests) == 1
        # A copy: what one pod does to its tree is nothing to the next.
        (second / "userfunc" / "deployarchive" / "hello.py").write_bytes(b"changed")
        assert (pod.userfunc / "deployarchive" / "hello.py").read_bytes() == HELLO
        await served.aclose()


async def test_a_checksum_mismatch_is_refused_with_both_sums(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(200, body=b"tampered"))
    async with support.fetcher(tmp_path) as pod, host.running():
        request = support.specialize_request(archive=url_archive(host.url + "/h.py", HELLO))
        status, text = await pod.post("/specialize", request)
        assert status == 400
        assert hashlib.sha256(b"tampered").hexdigest() in text
        assert hashlib.sha256(HELLO).hexdigest() in text
        assert list(pod.userfunc.iterdir()) == []
        assert pod.runtime.requests == []


async def test_storagesvc_gets_a_signed_request_where_it_was_resolved_to(tmp_path: Path) -> None:
    master = "0123456789abcdef0123456789abcdef"
    key = signing.derive_key(master.encode(), signing.STORAGESVC, "default")
    storage = support.Host(lambda _: server.Response(200, body=HELLO))
    env = {"FISSION_STORAGE_KEY": key.hex(), "POD_NAMESPACE": "default"}
    async with support.fetcher(tmp_path, **env) as pod, storage.running():
        request = support.specialize_request(
            archive=url_archive("http://storagesvc.fission/v1/archive?id=%2Ff%2Fabc", HELLO),
            storagesvcurl=storage.url,
        )
        assert await pod.post("/specialize", request) == (200, "")
        (asked,) = storage.requests
        assert asked.target == "/v1/archive?id=%2Ff%2Fabc"
        assert asked.headers["x-fission-auth-namespace"] == "default"
        signing.verify(
            signing.Keys(key),
            "GET",
            asked.target,
            signing.EMPTY_BODY_HASH,
            asked.headers[signing.TIMESTAMP_HEADER],
            asked.headers[signing.SIGNATURE_HEADER],
            clocks.SystemClock().now().timestamp(),
        )


async def test_a_missing_archive_is_reported(tmp_path: Path) -> None:
    status_body = json.dumps({"kind": "Status", "message": "no such archive", "code": 404})
    host = support.Host(lambda _: server.Response(404, body=status_body.encode()))
    async with support.fetcher(tmp_path) as pod, host.running():
        request = support.specialize_request(archive=url_archive(host.url + "/gone"))
        status, text = await pod.post("/specialize", request)
        assert status == 404
        assert text.endswith(
            "could not be fetched: 404 no such archive; give the package an archive that is there"
        )


async def test_a_host_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(403, body=b"no"))
    async with support.fetcher(tmp_path) as pod, host.running():
        request = support.specialize_request(archive=url_archive(host.url + "/private"))
        status, text = await pod.post("/specialize", request)
        assert status == 400
        assert text.endswith("403 no; the fetcher asks without credentials")
        assert len(host.requests) == 1


def _link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (support.zip_bytes({"../../evil.py": b"evil"}), "outside of the package"),
        (support.zip_bytes({"link": _link()}), "is a link"),
        (support.zip_bytes({"zeros": bytes(64 << 20)}), "times its size"),
        (support.zip_bytes({"hello.py": HELLO})[:-10], "damaged"),
    ],
    ids=["path escape", "link", "bomb", "cut off"],
)
async def test_a_hostile_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes, message: str
) -> None:
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(content))
        status, text = await pod.post("/specialize", request)
        assert (status, message in text) == (400, True)
        assert list(pod.userfunc.iterdir()) == []
        assert list((tmp_path / "cache").iterdir()) == []
        assert not (tmp_path / "evil.py").exists()


async def test_a_pod_for_any_number_of_functions_takes_them_one_by_one(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        for uid in ("uid-1", "uid-2"):
            request = support.specialize_request(
                uid, archive=literal(HELLO + uid.encode()), filename=uid
            )
            assert (await pod.post("/specialize", request))[0] == 200
        assert (pod.userfunc / "uid-2").read_bytes() == HELLO + b"uid-2"
        newer = support.specialize_request("uid-1", archive=literal(b"new"), filename="uid-1")
        newer["LoadReq"]["FunctionMetadata"]["generation"] = 2
        assert (await pod.post("/specialize", newer))[0] == 200
        assert (pod.userfunc / "uid-1").read_bytes() == b"new"
        assert len(pod.runtime.requests) == 3


async def test_links_planted_by_user_code_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    packed = support.zip_bytes({"hello.py": HELLO})
    async with support.fetcher(tmp_path) as pod:
        os.symlink(outside, pod.userfunc / "uid-1")
        request = support.specialize_request(archive=literal(packed), filename="uid-1")
        assert (await pod.post("/specialize", request))[0] == 200
        assert list(outside.iterdir()) == []
        assert (pod.userfunc / "uid-1").is_dir()
        assert not (pod.userfunc / "uid-1").is_symlink()


async def test_a_request_that_names_no_function_is_refused(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(HELLO))
        request["LoadReq"]["FunctionMetadata"] = None
        status, text = await pod.post("/specialize", request)
        assert (status, "the function is not named" in text) == (400, True)


async def test_wrong_methods_paths_and_bodies_are_refused(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        assert (await pod.get("/specialize"))[0] == 405
        assert (await pod.get("/nowhere"))[0] == 404
        assert (await pod.post("/specialize", b"{"))[0] == 400
        assert (await pod.post("/specialize", b'{"FetchReq": 1}'))[0] == 400
        assert (await pod.post("/specialize", b" " * (5 << 20)))[0] == 413
        assert (await pod.get("/healthz"))[0] == 200
        assert (await pod.get("/readiness-healthz"))[0] == 200
        assert json.loads((await pod.get("/version"))[1])["build"]["version"]


async def test_an_unsigned_call_is_refused_when_there_is_a_key(tmp_path: Path) -> None:
    key = bytes(range(32))
    async with support.fetcher(tmp_path, FISSION_FETCHER_KEY=key.hex()) as pod:
        body = json.dumps(support.specialize_request(archive=literal(HELLO))).encode()
        assert await pod.post("/specialize", body) == (401, "")
        now = clocks.SystemClock().now().timestamp()
        signed = signing.headers(key, "POST", "/specialize", body, now)
        assert (await pod.post("/specialize", body, headers=signed))[0] == 200
        assert (await pod.get("/healthz"))[0] == 200


async def test_a_fetch_does_not_touch_what_is_there(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        fetch = support.specialize_request(archive=literal(HELLO), filename="a")["FetchReq"]
        assert (await pod.post("/fetch", fetch))[0] == 200
        fetch["archive"] = literal(b"other")
        assert (await pod.post("/fetch", fetch))[0] == 200
        assert (pod.userfunc / "a").read_bytes() == HELLO
        fetch["filename"] = "../outside"
        assert (await pod.post("/fetch", fetch))[0] == 400


async def test_specialization_at_start_decides_about_readiness(tmp_path: Path) -> None:
    runtime = support.Host()
    opened = support.listening()
    async with http_client.Client() as http, runtime.running():
        request = json.dumps(support.specialize_request(archive=literal(HELLO)))
        argv = ["-specialize-on-startup", "-specialize-request", request, "/userfunc"]
        built = app.build(config.Config(), app.Deps(http, clocks.SystemClock()))
        env = support.pod_env(tmp_path, int(runtime.url.rsplit(":", 1)[1]))
        running = asyncio.ensure_future(built.run_pod(config.parse_arguments(argv), env, [opened]))
        async with asyncio.timeout(5):
            while True:
                url = support.url_of(opened) + "/readiness-healthz"
                response = await http.request("GET", url)
                await response.read()
                if response.status == 200:
                    break
        assert len(runtime.requests) == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_word_of_websockets_outlives_the_fetcher(tmp_path: Path) -> None:
    async def claimed(pod: support.Fixture) -> bool:
        (claim,) = json.loads((await pod.get("/claim"))[1])
        return bool(claim["websockets"])

    async with support.fetcher(tmp_path) as pod:
        request = support.specialize_request(archive=literal(HELLO))
        assert (await pod.post("/specialize", request))[0] == 200
        assert not await claimed(pod)
        await pod.get("/wsevent/start")  # without a name for the Event this is known all the same
    async with support.fetcher(tmp_path) as pod:
        assert await claimed(pod)
        await pod.get("/wsevent/end")
        assert not await claimed(pod)
