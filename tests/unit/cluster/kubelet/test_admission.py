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
        admission.User(1000),
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
        (a_pod({"lifecycle": {"preStop": {"tcpSocket": {}}}}), "lifecycle.preStop.tcpSocket"),
        (a_pod({"livenessProbe": {"grpc": {"port": 1}}}), "livenessProbe.grpc"),
        (a_pod(volumes=[{"name": "v", "csi": {}}]), "type csi"),
        (a_pod({"tty": True}), "tty"),
    ],
)
def test_what_cannot_be_had_is_refused_by_the_name_of_its_field(pod, field):
    with pytest.raises(errors.Refused, match=field):
        admission.check(pod, admission.User(1000))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dnsConfig", {"nameservers": ["1.1.1.1"]}),
        ("hostAliases", [{"ip": "1.1.1.1", "hostnames": ["a"]}]),
        ("runtimeClassName", "gvisor"),
        ("setHostnameAsFQDN", True),
        ("ephemeralContainers", [{"name": "debug"}]),
        ("resourceClaims", [{"name": "gpu"}]),
        ("resources", {"limits": {"cpu": "1"}}),
        ("hostUsers", False),
        ("os", {"name": "windows"}),
    ],
)
def test_fields_of_the_pod(field, value):
    with pytest.raises(errors.Refused, match=f"spec.{field}"):
        admission.check(a_pod(**{field: value}), admission.User(1000))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sysctls", [{"name": "a", "value": "1"}]),
        ("supplementalGroups", [5]),
        ("seLinuxOptions", {"level": "s0"}),
        ("appArmorProfile", {"type": "Unconfined"}),
        ("seccompProfile", {"type": "Unconfined"}),
        ("procMount", "Unmasked"),
        ("allowPrivilegeEscalation", True),
        ("capabilities", {"add": ["NET_BIND_SERVICE"]}),
    ],
)
def test_fields_of_the_security_context(field, value):
    for pod in (a_pod(securityContext={field: value}), a_pod({"securityContext": {field: value}})):
        with pytest.raises(errors.Refused, match=f"securityContext.{field}"):
            admission.check(pod, admission.User(1000))


def test_whose_rights_a_pod_has_decides_what_it_may_ask_for():
    plain = {"runAsNonRoot": True, "readOnlyRootFilesystem": True, "fsGroup": 5}
    admission.check(a_pod(securityContext=plain), admission.User(None))
    with pytest.raises(errors.Refused, match="runAsNonRoot cannot be kept"):
        admission.check(a_pod(securityContext={"runAsNonRoot": True}), admission.User(0, False))
    with pytest.raises(errors.Refused, match="readOnlyRootFilesystem cannot be kept"):
        admission.check(a_pod(securityContext=plain), admission.User(1000, False))
    with pytest.raises(errors.Refused, match="runAsUser 0"):
        admission.check(a_pod(securityContext={"runAsUser": 0}), admission.User(None))


def test_resources_that_are_not_counted_here():
    for resources in ({"limits": {"nvidia.com/gpu": 1}}, {"requests": {"hugepages-2Mi": "2Mi"}}):
        with pytest.raises(errors.Refused, match="is not supported by this node; supported are"):
            admission.check(a_pod({"resources": resources}), admission.User(1000))
    known = {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}}
    admission.check(a_pod({"resources": known}), admission.User(1000))
