import json
import socket

import pytest

from fission.cli import errors
from fission.cli.backend import wayin
from fission.kube import config
from fission.kube import errors as kube_errors

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: fission
clusters:
- name: fission
  cluster: {server: "https://127.0.0.1:%d", certificate-authority-data: Y2E=}
users:
- name: admin
  user: {token: t0k3n}
contexts:
- name: fission
  context: {cluster: fission, user: admin}
"""


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened.getsockname()[1]


def a_home(path, port):
    path.mkdir(parents=True)
    (path / "kubeconfig").write_text(KUBECONFIG % port)
    (path / "state.json").write_text(
        json.dumps({"urls": {"apiserver": f"https://127.0.0.1:{port}"}})
    )
    return path


async def test_a_running_home_is_found(tmp_path, listener):
    home = a_home(tmp_path / "home", listener)

    credentials = wayin.find({"FISSION_HOME": str(home), "HOME": str(tmp_path)}, "").credentials

    assert credentials.server == f"https://127.0.0.1:{listener}"
    assert credentials.namespace == "default"
    assert credentials.tls.ca_data == "ca"
    assert await credentials.bearer.header() == "Bearer t0k3n"


@pytest.fixture
def api_socket(tmp_path):
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "run" / "apiserver.sock"))
        opened.listen()
        yield tmp_path / "run"


def test_a_running_home_is_spoken_to_over_its_socket(tmp_path, listener, api_socket):
    home = a_home(tmp_path / "home", listener)
    env = {"FISSION_HOME": str(home), "HOME": str(tmp_path)}
    (home / "state.json").write_text(json.dumps({"runDir": str(api_socket)}))

    found = wayin.find(env, "").credentials
    assert found.unix_socket == str(api_socket / "apiserver.sock")
    assert (found.namespace, found.tls) == ("default", None)


def test_a_namespace_in_the_homes_kubeconfig_counts(tmp_path, listener, api_socket):
    home = a_home(tmp_path / "home", listener)
    env = {"FISSION_HOME": str(home), "HOME": str(tmp_path)}
    state = {"runDir": str(api_socket), "urls": {"apiserver": f"https://127.0.0.1:{listener}"}}
    (home / "state.json").write_text(json.dumps(state))
    text = (home / "kubeconfig").read_text()
    (home / "kubeconfig").write_text(text.replace("user: admin", "user: admin, namespace: mine"))

    found = wayin.find(env, "").credentials
    assert (found.unix_socket, found.namespace) == (None, "mine")


async def test_a_kubeconfig_that_is_named_comes_before_the_home(tmp_path, listener):
    home = a_home(tmp_path / "home", listener)
    other = a_home(tmp_path / "other", 1) / "kubeconfig"
    env = {"FISSION_HOME": str(home), "HOME": str(tmp_path), "KUBECONFIG": str(other)}

    assert wayin.find(env, "").credentials.server == "https://127.0.0.1:1"


async def test_the_usual_kubeconfig_comes_after_the_home(tmp_path, listener):
    usual = tmp_path / ".kube"
    usual.mkdir()
    (usual / "config").write_text(KUBECONFIG % 1)
    stopped = a_home(tmp_path / "stopped", 1)
    running = a_home(tmp_path / "running", listener)

    def server(home):
        return wayin.find({"FISSION_HOME": str(home), "HOME": str(tmp_path)}, "").credentials.server

    assert server(stopped) == "https://127.0.0.1:1"
    assert server(running) == f"https://127.0.0.1:{listener}"


def test_the_home_is_where_it_is_said_to_be(tmp_path):
    assert wayin.home_directory({"HOME": str(tmp_path)}) == tmp_path / ".fission"
    assert wayin.home_directory({"HOME": "/x", "FISSION_HOME": str(tmp_path)}) == tmp_path


@pytest.mark.parametrize("state", ["", "{", "{}", '{"urls": {"apiserver": "x"}}'])
def test_a_damaged_state_means_that_nothing_runs(tmp_path, state):
    home = a_home(tmp_path / "home", 1)
    (home / "state.json").write_text(state)

    assert not wayin.is_running(home)


def test_a_context_is_one_of_the_usual_kubeconfig_while_a_home_runs(tmp_path, listener):
    home = a_home(tmp_path / "home", listener)
    usual = tmp_path / ".kube"
    usual.mkdir()
    (usual / "config").write_text(KUBECONFIG % 1)
    env = {"FISSION_HOME": str(home), "HOME": str(tmp_path)}

    assert wayin.find(env, "fission").credentials.server == "https://127.0.0.1:1"
    with pytest.raises(kube_errors.NoCluster, match="existing are fission"):
        wayin.find(env, "other")


async def test_a_pods_own_account_comes_last(tmp_path):
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("pod")
    (account / "namespace").write_text("of-the-file")
    usual = tmp_path / ".kube"
    env = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "POD_VOLUME_PATHS": json.dumps({config.SERVICE_ACCOUNT_DIRECTORY: str(account)}),
    }

    found = wayin.find(env, "").credentials
    assert (found.server, found.namespace) == ("https://10.0.0.1:443", "of-the-file")
    assert await found.bearer.header() == "Bearer pod"
    assert wayin.find({**env, "POD_NAMESPACE": "named"}, "").credentials.namespace == "named"
    usual.mkdir()
    (usual / "config").write_text(KUBECONFIG % 1)
    assert wayin.find(env, "").credentials.server == "https://127.0.0.1:1"


def test_nothing_at_all_says_what_would_help(tmp_path):
    with pytest.raises(errors.CliError) as caught:
        wayin.find({"HOME": str(tmp_path)}, "")
    assert "fission up -d" in caught.value.remedy
