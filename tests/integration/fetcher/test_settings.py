"""Secrets and ConfigMaps in a pod follow the objects, as a real API server has them."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fission_http import server
from tests.integration.fetcher import support
from tests.support import apiserver, waiting

SECRET = "/api/v1/namespaces/default/secrets"
CONFIG = "/api/v1/namespaces/default/configmaps"
QUICK = {"refresh_seconds": 0.05}


@pytest.fixture
async def api() -> AsyncIterator[apiserver.Running]:
    async with apiserver.running() as server:
        yield server


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def make(api: apiserver.Running, path: str, name: str, **data: str) -> None:
    answer = await api.call("POST", path, {"metadata": {"name": name}, "data": data})
    assert answer.status == 201


async def change(api: apiserver.Running, path: str, name: str, **data: str | None) -> None:
    answer = await api.call(
        "PATCH", f"{path}/{name}", {"data": data}, content_type="application/merge-patch+json"
    )
    assert answer.status == 200


def is_in_a_file(text: bytes, folder: Path) -> bool:
    return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def request(**mounts: list[dict[str, str]]) -> dict[str, Any]:
    literal = {"type": "literal", "literal": b64("x = 1\n")}
    return support.specialize_request(archive=literal, **mounts)


async def test_a_change_reaches_the_pod_whole(api: apiserver.Running, tmp_path: Path) -> None:
    await make(api, SECRET, "tls", crt=b64("1"), key=b64("1"), old=b64("1"))
    await make(api, CONFIG, "settings", level="debug")
    env = {"KUBE_API_SOCKET": api.socket}
    async with support.fetcher(tmp_path, settings=QUICK, **env) as pod:
        wanted = request(
            secretList=[{"namespace": "default", "name": "tls"}],
            configMapList=[{"namespace": "default", "name": "settings", "mountPath": "etc"}],
        )
        assert await pod.post("/specialize", wanted) == (200, "")
        tls, level = tmp_path / "secrets/default/tls", tmp_path / "configs/etc/level"
        assert (tls / "key").read_text() == "1"
        assert level.read_text() == "debug"

        await change(api, SECRET, "tls", crt=b64("2"), key=b64("2"), old=None)
        await change(api, CONFIG, "settings", level="info")
        await waiting.until(lambda: level.read_text() == "info")
        await waiting.until(lambda: (tls / "crt").read_text() == "2")
        assert {path.name: path.read_text() for path in tls.iterdir()} == {"crt": "2", "key": "2"}


async def test_a_fetcher_that_was_restarted_goes_on(api: apiserver.Running, tmp_path: Path) -> None:
    await make(api, CONFIG, "settings", level="debug")
    env = {"KUBE_API_SOCKET": api.socket}
    level = tmp_path / "configs/default/settings/level"
    async with support.fetcher(tmp_path, settings=QUICK, **env) as pod:
        wanted = request(configMapList=[{"namespace": "default", "name": "settings"}])
        assert await pod.post("/specialize", wanted) == (200, "")
    assert json.loads((tmp_path / "state" / "mounts").read_text()) == [
        ["ConfigMap", "default", "settings", "default/settings"]
    ]
    await change(api, CONFIG, "settings", level="info")
    async with support.fetcher(tmp_path, settings=QUICK, **env):
        await waiting.until(lambda: level.read_text() == "info")


async def test_what_is_deleted_stays_as_it_was(api: apiserver.Running, tmp_path: Path) -> None:
    await make(api, CONFIG, "one", level="debug")
    await make(api, CONFIG, "two", level="debug")
    env = {"KUBE_API_SOCKET": api.socket}
    async with support.fetcher(tmp_path, settings=QUICK, **env) as pod:
        both = [{"namespace": "default", "name": name} for name in ("one", "two")]
        assert await pod.post("/specialize", request(configMapList=both)) == (200, "")
        assert (await api.call("DELETE", f"{CONFIG}/one")).status == 200
        await change(api, CONFIG, "two", level="info")
        folder = tmp_path / "configs/default"
        await waiting.until(lambda: (folder / "two/level").read_text() == "info")
        assert (folder / "one/level").read_text() == "debug"


async def test_what_does_not_exist_is_named(api: apiserver.Running, tmp_path: Path) -> None:
    async with support.fetcher(tmp_path, KUBE_API_SOCKET=api.socket) as pod:
        wanted = request(secretList=[{"namespace": "default", "name": "gone"}])
        status, text = await pod.post("/specialize", wanted)
        assert (status, text) == (404, "Secret default/gone does not exist")
        assert pod.runtime.requests == []


async def test_variables_reach_the_runtime_and_nobody_else(
    api: apiserver.Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make(api, SECRET, "db", PASSWORD=b64("hunter2"))
    await make(api, CONFIG, "app", LEVEL="debug")
    env = [
        {"name": "URL", "value": "db://$(LEVEL)"},
        {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "PASSWORD"}}},
    ]
    wanted = request(env=env, envFrom=[{"configMapRef": {"name": "app"}}])
    async with support.fetcher(tmp_path, KUBE_API_SOCKET=api.socket) as pod:
        pod.runtime.answer = lambda _: server.Response(200, headers=[("X-Fission-Env", "3")])
        body = json.dumps(wanted).encode()
        answer = await pod.http.request("POST", pod.url + "/specialize", body=body)
        assert (answer.status, await answer.read()) == (200, b"")
        steps = [step.split(";")[0] for step in answer.headers["Server-Timing"].split(", ")]
        assert sorted(steps) == ["fetch", "load", "settings"]
        load = json.loads(pod.runtime.bodies[0])
        assert load["env"] == {"LEVEL": "debug", "URL": "db://debug", "PW": "hunter2"}
    assert "hunter2" not in caplog.text
    assert not is_in_a_file(b"hunter2", tmp_path)


async def test_a_missing_variable_is_named(api: apiserver.Running, tmp_path: Path) -> None:
    async with support.fetcher(tmp_path, KUBE_API_SOCKET=api.socket) as pod:
        wanted = request(envFrom=[{"secretRef": {"name": "nowhere"}}])
        assert await pod.post("/specialize", wanted) == (
            404,
            "spec.envFrom[0]: Secret nowhere does not exist",
        )
        assert pod.runtime.requests == []


async def test_a_runtime_that_takes_no_variables_is_not_called_specialized(
    api: apiserver.Running, tmp_path: Path
) -> None:
    async with support.fetcher(tmp_path, KUBE_API_SOCKET=api.socket) as pod:
        wanted = request(env=[{"name": "A", "value": "1"}])
        status, text = await pod.post("/specialize", wanted)
        assert status == 400
        assert "the environment's image does not take variables" in text
        assert "newdeploy" in text


async def test_a_mount_path_takes_the_place_of_namespace_and_name(
    api: apiserver.Running, tmp_path: Path
) -> None:
    await make(api, SECRET, "outer", a=b64("1"))
    await make(api, SECRET, "inner", b=b64("2"))
    await make(api, SECRET, "plain", c=b64("3"))
    await make(api, CONFIG, "same", d="4")
    env = {"KUBE_API_SOCKET": api.socket}
    async with support.fetcher(tmp_path, settings=QUICK, **env) as pod:
        wanted = request(
            secretList=[
                {"namespace": "default", "name": "inner", "mountPath": "certs/deep/inner"},
                {"namespace": "default", "name": "outer", "mountPath": "certs"},
                {"namespace": "default", "name": "plain"},
            ],
            configMapList=[{"namespace": "default", "name": "same", "mountPath": "certs"}],
        )
        assert await pod.post("/specialize", wanted) == (200, "")
        found = {
            "secrets/certs/a": "1",
            "secrets/certs/deep/inner/b": "2",
            "secrets/default/plain/c": "3",
            "configs/certs/d": "4",
        }
        assert {name: (tmp_path / name).read_text() for name in found} == found
        for name in found:
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o750
            assert stat.S_IMODE((tmp_path / name).parent.stat().st_mode) == 0o750

        # What lies inside of another's folder stays when that one changes.
        await change(api, SECRET, "outer", a=b64("one"))
        await waiting.until(lambda: (tmp_path / "secrets/certs/a").read_text() == "one")
        assert (tmp_path / "secrets/certs/deep/inner/b").read_text() == "2"


@pytest.mark.parametrize("wrong", ["../x", "a/../../x", "/x", "a//b", "a/./b", ".", "..", "a\0b"])
async def test_a_mount_path_that_leads_elsewhere_is_refused(
    api: apiserver.Running, tmp_path: Path, wrong: str
) -> None:
    await make(api, SECRET, "db", password=b64("1"))
    async with support.fetcher(tmp_path, KUBE_API_SOCKET=api.socket) as pod:
        mount = {"namespace": "default", "name": "db", "mountPath": wrong}
        status, text = await pod.post("/specialize", request(secretList=[mount]))
        assert status == 400
        assert "mountPath" in text
        assert list((tmp_path / "secrets").iterdir()) == []
        assert pod.runtime.requests == []
