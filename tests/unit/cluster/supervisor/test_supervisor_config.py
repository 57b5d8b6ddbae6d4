import pytest

from fission.cluster.supervisor import config


def a_document(**changes):
    return {
        "version": 1,
        "hostPorts": [
            {
                "namespace": "fission",
                "service": "router",
                "port": "http",
                "host": "127.0.0.1",
                "hostPort": 8888,
                "flag": "--router-port",
            }
        ],
        "apiserver": {"hostPort": 16443, "flag": "--apiserver-port", "command": ["a"]},
        "kubelet": {"command": ["k", "--home", "h"], "env": {"X": "1"}},
        **changes,
    }


def test_a_whole_document_is_read():
    found = config.parse(a_document())

    assert found.host_ports[0].hosts == ("127.0.0.1",)
    assert found.host_ports[0].key == "fission/router/http"
    assert found.apiserver_port.host_port == 16443
    assert found.kubelet == config.Program("kubelet", ("k", "--home", "h"), {"X": "1"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hostPort": []}, "unknown field 'hostPort'"),
        ({"version": 9}, "version: found 9, allowed is 1"),
        ({"hostPorts": {}}, "hostPorts: found dict, needs a list"),
        ({"kubelet": {"command": []}}, "kubelet.command: is empty"),
        ({"kubelet": {"command": ["k"], "env": {"A": 1}}}, "kubelet.env.A: found 1"),
        (
            {"hostPorts": [{"service": "r", "port": "http", "hostPort": 70000}]},
            r"hostPorts\[0\].hostPort: found 70000, allowed is 0 to 65535",
        ),
        (
            {"hostPorts": [{"service": "r", "port": "http", "hostPort": 1}] * 2},
            "fission/r/http is listed twice",
        ),
        ({"stopGraceSeconds": "soon"}, "stopGraceSeconds: found 'soon'"),
    ],
)
def test_a_wrong_document_is_refused_by_the_name_of_its_field(changes, message):
    with pytest.raises(config.ConfigError, match=message):
        config.parse(a_document(**changes))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(config.ConfigError, match=r"cannot read .*cluster\.json: No such file"):
        config.load(tmp_path / "cluster.json")
