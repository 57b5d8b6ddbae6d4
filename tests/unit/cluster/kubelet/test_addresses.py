import socket

import pytest

from fission.cluster.kubelet import addresses, errors


def close(sockets):
    for sock in sockets.values():
        sock.close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        return sock.getsockname()[1]


def test_each_pod_has_an_address_of_its_own_with_its_ports_open():
    pool, port = addresses.Pool("/home/a"), free_port()
    first, mine = pool.acquire([port])
    second, others = pool.acquire([port])

    assert first.ip != second.ip
    assert first.ip.startswith("127.")
    assert not first.ip.startswith("127.0.")
    assert first.real(port) == port
    with socket.create_connection((first.ip, port), timeout=5):
        pass
    close(mine)
    close(others)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((first.ip, port), timeout=5)


def test_a_port_of_a_stranger_on_the_wildcard_is_remapped():
    pool = addresses.Pool("/home/a")
    other = free_port()
    with socket.socket() as stranger:
        stranger.bind(("0.0.0.0", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]

        endpoint, sockets = pool.acquire([taken, other])

        assert set(endpoint.port_map) == {taken}
        assert endpoint.real(taken) in addresses.RESERVED_PORTS
        assert sockets[taken].getsockname() == (endpoint.ip, endpoint.real(taken))
        assert endpoint.real(other) == other
        close(sockets)


def test_two_strangers_at_once():
    pool = addresses.Pool("/home/a")
    with socket.socket() as one, socket.socket() as two:
        for stranger in (one, two):
            stranger.bind(("0.0.0.0", 0))
            stranger.listen()
        ports = sorted(s.getsockname()[1] for s in (one, two))

        endpoint, sockets = pool.acquire(ports)

        assert sorted(endpoint.port_map) == ports
        assert len({s.getsockname()[1] for s in sockets.values()}) == 2
        close(sockets)


def test_a_neighbour_home_with_the_same_addresses_is_avoided():
    port = free_port()
    mine, theirs = addresses.Pool("/home/a"), addresses.Pool("/home/a")
    first, held = mine.acquire([port])

    second, sockets = theirs.acquire([port])

    assert second.ip != first.ip
    assert second.port_map == {}
    close(held)
    close(sockets)


def test_a_container_that_restarts_gets_the_same_sockets():
    pool, port = addresses.Pool("/home/a"), free_port()
    endpoint, sockets = pool.acquire([port])
    with pytest.raises(errors.AddressError, match="is not free"):
        pool.reopen(endpoint, [port])
    close(sockets)

    again = pool.reopen(endpoint, [port])

    assert again[port].getsockname() == (endpoint.ip, port)
    close(again)


def test_an_address_is_not_given_again_soon():
    pool = addresses.Pool("/home/a")
    seen = set()
    for _ in range(300):
        endpoint, _ = pool.acquire([])
        assert endpoint.ip not in seen
        seen.add(endpoint.ip)
        pool.release(endpoint.ip)


def test_an_adopted_address_is_taken():
    pool = addresses.Pool("/home/a")
    endpoint, _ = pool.acquire([])
    fresh = addresses.Pool("/home/a")
    fresh.claim(endpoint.ip)

    assert fresh.acquire([])[0].ip != endpoint.ip


def test_a_port_that_other_pods_could_connect_to_is_moved_into_the_reserved_range():
    port, public = free_port(), free_port()
    pool = addresses.Pool("/home/a", is_kept=lambda number: number != public)

    endpoint, sockets = pool.acquire([port, public])

    assert set(endpoint.port_map) == {public}
    assert endpoint.real(public) in addresses.RESERVED_PORTS
    assert sockets[public].getsockname() == (endpoint.ip, endpoint.real(public))
    close(sockets)
    again = pool.reopen(endpoint, [public])
    assert again[public].getsockname()[1] == endpoint.real(public)
    close(again)
