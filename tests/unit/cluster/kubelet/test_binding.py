import pytest

from fission.cluster.kubelet import binding, errors, images

MODES = ("full", "landlock", "none")


def an_image(binds):
    return images.Image(name="own", root="/i", match=("own",), command=("x",), binds=binds)


def plan(binds, mode="full", asked="default", ports=(8080,)):
    return binding.plan(an_image(binds), mode, asked, ports, "127.9.0.1", lambda: 21005)


@pytest.mark.parametrize("mode", MODES)
def test_sockets_are_handed_to_a_program_that_takes_them(mode):
    assert plan("", mode) == binding.Binding("default")
    assert plan("PORT", mode, ports=()) == binding.Binding("default")


@pytest.mark.parametrize("mode", MODES)
def test_a_program_that_reads_port_listens_where_it_is_told(mode):
    found = plan("PORT", mode, ("none" if mode == "full" else "default"))

    port = 8080 if mode == "full" else 21005
    assert found.relay_ports == (port,)
    assert found.relay_hosts == ("127.9.0.1", "127.0.0.1")
    assert found.env == {"HOST": "127.9.0.1", "PORT": str(port)}


def test_a_policy_stays_with_a_program_that_reads_port():
    assert plan("PORT", asked=(443,)).outbound == (443,)
    assert plan("PORT").relay_ports == (21005,)


def test_a_fixed_port_needs_a_network_of_its_own():
    found = plan("containerPort")

    assert (found.outbound, found.relay_ports) == ("none", (8080,))
    for mode in ("landlock", "none"):
        with pytest.raises(errors.ContainerConfigError, match="network of its own"):
            plan("containerPort", mode)
    with pytest.raises(errors.ContainerConfigError, match="outbound policy other than none"):
        plan("containerPort", asked=(443,))


def test_no_sockets_at_all_is_nothing_for_a_program_that_listens():
    with pytest.raises(errors.ContainerConfigError, match="outbound none"):
        plan("PORT", "landlock", "none")
