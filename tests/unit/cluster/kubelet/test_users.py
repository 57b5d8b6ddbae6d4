from fission.cluster.kubelet import users


def a_pod(*claims, namespace="ns"):
    volumes = [{"name": "scratch", "emptyDir": {}}]
    volumes += [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": {"volumes": volumes}}


def test_users_are_as_many_as_addresses():
    assert users.of_address("127.1.2.3") != users.of_address("127.1.3.2")
    assert users.of_address("127.254.255.254") < users.FIRST_OF_CLAIMS
    assert users.of_pod(a_pod(), "127.1.2.3") == users.of_address("127.1.2.3")


def test_pods_of_one_claim_are_one_user():
    one = users.of_pod(a_pod("cache"), "127.1.2.3")
    assert one == users.of_pod(a_pod("cache", "more"), "127.9.9.9")
    assert one != users.of_pod(a_pod("more"), "127.1.2.3")
    assert one != users.of_pod(a_pod("cache", namespace="other"), "127.1.2.3")
    assert users.FIRST_OF_CLAIMS <= one < 2**31
