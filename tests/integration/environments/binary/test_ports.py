"""Ports for programs that listen by themselves."""

from __future__ import annotations

import pathlib
import socket
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[4] / "environments" / "binary"))

from fission_binary import errors, ports


def test_a_port_of_the_range_that_nobody_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(errors.LoadError, match=f"POD_LISTEN_PORTS={number}-{number}"):
            ports.pick({"POD_LISTEN_PORTS": f"{number}-{number}"})
    assert ports.pick({"POD_LISTEN_PORTS": f"{number}-{number}"}) == number
    assert ports.pick({}) > 0


async def test_whose_port_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        number = own.getsockname()[1]
        assert await ports.takes_connections(number)
        assert not ports.is_strangers(number)
    assert not await ports.takes_connections(number)
    assert not ports.is_strangers(number)
