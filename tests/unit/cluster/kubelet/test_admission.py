import pytest

from fission.cluster.kubelet import admission, errors


def a_pod(container=None, **spec):
    return {"metadata": {}, "spec": {"containers": [{"name": "c", **(container or {})}], **spec}}


def test_a_plain_pod_is_taken():
    admission.check(
        a_pod(
            {
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsUser": 1000,
                },
                "lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", "5"]}}},
            },
            securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
        ),
        own_uid=1000,
    )


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        (a_pod(hostNetwork=True), "spec.hostNetwork"),
        (a_pod(hostPID=True), "spec.hostPID"),
        (a_pod(shareProcessNamespace=True), "spec.shareProcessNamespace"),
        (a_pod({"ports": [{"containerPort": 1, "hostPort": 1}]}), "ports.hostPort"),
        (a_pod({"ports": [{"containerPort": 1, "protocol": "UDP"}]}), "ports.protocol UDP"),
        (a_pod({"securityContext": {"privileged": True}}), "securityContext.privileged"),
        (a_pod(securityContext={"runAsUser": 5}), "spec.securityContext.runAsUser 5"),
        (a_pod({"lifecycle": {"postStart": {"exec": {}}}}), "lifecycle.postStart"),
        (a_pod({"lifecycle": {"preStop": {"httpGet": {}}}}), "lifecycle.preStop"),
        (a_pod({"livenessProbe": {"exec": {}}}), "livenessProbe.exec"),
        (a_pod(volumes=[{"name": "v", "csi": {}}]), "type csi"),
        (a_pod({"tty": True}), "tty"),
    ],
)
def test_what_cannot_be_had_is_refused_by_the_name_of_its_field(pod, field):
    with pytest.raises(errors.Refused, match=field):
        admission.check(pod, own_uid=1000)


def test_how_long_a_pre_stop_hook_waits():
    def container(hook):
        return {"name": "c", "lifecycle": {"preStop": hook}}

    assert admission.pre_stop_seconds({"name": "c"}) == 0
    assert admission.pre_stop_seconds(container({"sleep": {"seconds": 3}})) == 3
    assert admission.pre_stop_seconds(container({"exec": {"command": ["sleep", "4"]}})) == 4
