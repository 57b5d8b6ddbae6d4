import pytest

from fission.cluster.kubelet import addresses, errors, outbound


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (None, "default"),
        ("", "default"),
        ("none", "none"),
        ("open", "open"),
        ("ports:443", (443,)),
        ("ports:5432, 443,443", (443, 5432)),
    ],
)
def test_a_policy(text, policy):
    assert outbound.parse(text) == policy


@pytest.mark.parametrize(
    "text", ["None", "all", "ports", "ports:", "ports:x", "ports:0", "ports:65536", "ports:-1",
             "ports:443,", "ports:٤٤٣", "hosts:a", "ports:443;80"]
)  # fmt: skip
def test_any_other_word_is_refused_by_name(text):
    with pytest.raises(errors.ContainerConfigError) as caught:
        outbound.parse(text)
    assert f"annotation kubelet/outbound: found {text!r}, allowed are none, open, or" in str(
        caught.value
    )


def test_a_list_may_not_name_a_port_of_the_platform():
    kept = outbound.kept_ports({8888, 8889}, {8888})
    outbound.check((443, 8888), kept)
    outbound.check("open", kept)
    for port in (8889, 20000, 21999):
        with pytest.raises(errors.ContainerConfigError, match=f"port {port} is one of the platf"):
            outbound.check((443, port), kept)


def test_public_ports_are_left_out_of_what_is_kept_and_the_reserved_range_never():
    assert outbound.kept_ports({8889, 8000, 8888, 20001}, {8888, 20002}) == (
        (8000, 8000),
        (8889, 8889),
        (20000, 21999),
    )


def test_ports_of_programs_are_reserved_ones_that_no_pod_is_given():
    ((first, last),) = outbound.OWN_PORTS
    kept = outbound.kept_ports(set(), set())
    for port in (first, last):
        assert outbound.contains(kept, port)
        assert port not in addresses.POD_PORTS
