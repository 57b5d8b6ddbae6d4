import json

import pytest

from fission.base import clock
from fission.kube import bearers, config, errors, execplugin

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c
  cluster: {server: "https://127.0.0.1:16443/", certificate-authority-data: "UEVN"}
- name: plain
  cluster: {server: "http://127.0.0.1:8001"}
contexts:
- name: one
  context: {cluster: c, user: u, namespace: work}
- name: two
  context: {cluster: plain, user: filed}
- name: plugged
  context: {cluster: plain, user: plugged}
- name: legacy
  context: {cluster: plain, user: legacy}
users:
- name: u
  user: {token: secret}
- name: filed
  user: {client-certificate: pki/me.crt, client-key: pki/me.key, username: me, password: pw}
- name: plugged
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, c]
      env: [{name: A, value: b}]
- name: legacy
  user: {auth-provider: {name: gcp}}
"""


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return str(path)


async def test_a_unix_socket_comes_first():
    found = config.load({"KUBE_API_SOCKET": "unix:///run/api.sock", "KUBECONFIG": "/none"})
    assert (found.unix_socket, found.server) == ("/run/api.sock", "http://localhost")
    assert found.tls is None
    assert await found.bearer.header() is None


async def test_a_pod_uses_its_service_account_at_its_real_path(tmp_path):
    (tmp_path / "token").write_text("t1\n")
    (tmp_path / "namespace").write_text("fission")
    env = {
        "KUBERNETES_SERVICE_HOST": "fd00::1",
        "KUBERNETES_SERVICE_PORT": "443",
        "POD_VOLUME_PATHS": json.dumps({config.SERVICE_ACCOUNT_DIRECTORY: str(tmp_path)}),
    }
    found = config.load(env)
    assert found.server == "https://[fd00::1]:443"
    assert found.namespace == "fission"
    assert found.tls is not None
    assert found.tls.ca_file == str(tmp_path / "ca.crt")
    assert await found.bearer.header() == "Bearer t1"


async def test_a_kubeconfig_gives_its_current_context(kubeconfig):
    found = config.load({"KUBECONFIG": kubeconfig})
    assert found.server == "https://127.0.0.1:16443"
    assert found.namespace == "work"
    assert found.tls is not None
    assert found.tls.ca_data == "PEM"
    assert await found.bearer.header() == "Bearer secret"
    assert "secret" not in repr(found)


async def test_another_context_can_be_named(kubeconfig, tmp_path):
    found = config.load({}, kubeconfig=kubeconfig, context="two")
    assert (found.server, found.namespace, found.tls) == (
        "http://127.0.0.1:8001",
        "default",
        None,
    )
    assert await found.bearer.header() == "Basic bWU6cHc="


def test_several_kubeconfigs_mean_the_first_that_exists(kubeconfig):
    assert config.load({"KUBECONFIG": f"/does/not/exist:{kubeconfig}"}).namespace == "work"


@pytest.mark.parametrize(
    ("env", "options", "message"),
    [
        ({"HOME": "/nowhere"}, {}, "no Kubernetes cluster is configured"),
        ({"KUBECONFIG": "/nowhere/config"}, {}, "/nowhere/config does not exist"),
        (
            {"KUBERNETES_SERVICE_HOST": "h", "POD_VOLUME_PATHS": '{"/var": "/nowhere"}'},
            {},
            "service account token",
        ),
    ],
)
def test_what_is_missing_is_named(env, options, message):
    with pytest.raises((errors.NoCluster, errors.BadCredentials), match=message):
        config.load(env, **options)


def test_an_unknown_context_and_an_obsolete_provider_are_refused(kubeconfig):
    with pytest.raises(errors.NoCluster, match="three"):
        config.load({}, kubeconfig=kubeconfig, context="three")
    with pytest.raises(errors.BadCredentials, match="auth-provider is not supported"):
        config.load({}, kubeconfig=kubeconfig, context="legacy")


def test_a_kubeconfig_that_is_not_one_is_named(tmp_path):
    path = tmp_path / "config"
    path.write_text("clusters: 7")
    with pytest.raises(errors.BadCredentials, match=f"kubeconfig {path} cannot be read"):
        config.load({"KUBECONFIG": str(path)})


async def test_a_token_file_is_read_again_after_a_minute_and_when_refused(tmp_path):
    path = tmp_path / "token"
    path.write_text("one")
    manual = clock.ManualClock()
    bearer = bearers.TokenFile(str(path), manual)
    assert await bearer.header() == "Bearer one"
    path.write_text("two")
    assert await bearer.header() == "Bearer one"
    assert await bearer.header(refresh=True) == "Bearer two"
    path.write_text("three")
    manual.advance(61)
    assert await bearer.header() == "Bearer three"
    path.unlink()
    manual.advance(61)
    assert await bearer.header() == "Bearer three"


def test_a_plugins_answer_is_a_token_and_its_end():
    answer = {"status": {"token": "t", "expirationTimestamp": "2026-01-01T00:00:00Z"}}
    token, expires = execplugin.parse_exec_credential(json.dumps(answer).encode(), "p")
    assert token == "t"
    assert expires is not None


@pytest.mark.parametrize("output", [b"", b"[]", b"{}", b'{"status": {}}', b'{"status": null}'])
def test_a_plugins_nonsense_is_refused(output):
    with pytest.raises(errors.BadCredentials, match="credential plugin p"):
        execplugin.parse_exec_credential(output, "p")


async def test_a_plugin_is_run_once_until_it_is_refused(tmp_path):
    script = tmp_path / "plugin"
    script.write_text(
        "#!/bin/sh\necho x >> $0.runs\n"
        'echo "{\\"status\\": {\\"token\\": \\"$PREFIX-$1-$(wc -l < $0.runs)\\"}}"\n'
    )
    script.chmod(0o700)
    spec = execplugin.ExecSpec(execplugin.EXEC_VERSIONS[0], str(script), ("a",), {"PREFIX": "p"})
    plugin = execplugin.ExecPlugin(spec, {})
    assert await plugin.header() == "Bearer p-a-1"
    assert await plugin.header() == "Bearer p-a-1"
    assert await plugin.header(refresh=True) == "Bearer p-a-2"


async def test_a_plugin_that_fails_or_is_missing_says_so(tmp_path):
    missing = execplugin.ExecSpec(execplugin.EXEC_VERSIONS[0], "/none", install_hint="get it there")
    with pytest.raises(errors.BadCredentials, match=r"cannot be started: .*; get it there"):
        await execplugin.ExecPlugin(missing, {}).header()
    failing = execplugin.ExecSpec(execplugin.EXEC_VERSIONS[0], "false")
    with pytest.raises(errors.BadCredentials, match="ended with 1"):
        await execplugin.ExecPlugin(failing, {}).header()
    with pytest.raises(errors.BadCredentials, match="is unknown"):
        execplugin.ExecPlugin(execplugin.ExecSpec("v0", "x"), {})
