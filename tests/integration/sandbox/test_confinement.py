"""Every attack, in every mode and outbound policy, as root and as an ordinary user.

A scene runs all attacks at once; a test compares those that worked with those that the mode is
documented to leave open. The same attacks run unconfined first, or their refusal proves little.
"""

import functools
import json
import pathlib

import pytest

from tests.integration.sandbox import accounts

DRIVER = pathlib.Path(__file__).with_name("driver.py")
POLICIES = ("none", "ports", "default", "open")

NEIGHBOUR_PORTS = {
    "connect_to_the_internal_router",
    "connect_to_another_pod",
    "connect_over_ipv6_to_an_ipv4_neighbour",
}
OTHER_PORTS = {"connect_to_another_port", "connect_to_the_allowed_port"}
OPEN_BY_POLICY = {
    "none": set(),
    "ports": {"connect_to_the_allowed_port"},
    "default": {*OTHER_PORTS, "send_udp_to_a_neighbour"},
    "open": {*OTHER_PORTS, *NEIGHBOUR_PORTS, "send_udp_to_a_neighbour"},
}
WORKS = {
    "own_volume",
    "moves_between_own_folders",
    "libraries",
    "programs",
    "temporary_files",
    "process_pools",
    "event_loops",
    "copying_files",
    "own_hostname_and_process_number",
    "threads",
    "named_pipes",
    "sibling_lives_on",
    "killing_ends_descendants",
}
SUCCEEDS_UNCONFINED = {
    "read_a_neighbours_volume",
    "write_a_neighbours_volume",
    "read_the_platforms_token",
    "list_the_platforms_home",
    "stat_the_platforms_token",
    "chmod_the_platforms_token",
    "follow_a_link_to_the_token",
    "hard_link_the_token",
    "reach_the_token_through_the_spawner",
    "connect_to_the_platforms_socket_file",
    "connect_to_the_spawners_socket_file",
    "send_to_a_socket_file_by_a_pair",
    "connect_to_the_platforms_abstract_socket",
    "connect_to_a_siblings_abstract_socket",
    *NEIGHBOUR_PORTS,
    *OTHER_PORTS,
    "connect_by_fast_open",
    "send_udp_to_a_neighbour",
    "bind_another_pods_address",
    "signal_a_sibling",
    "signal_the_spawner",
    "signal_a_sibling_by_pidfd",
    "read_a_siblings_command",
    "limit_a_sibling",
    "slow_a_sibling_down",
    "attach_a_siblings_shared_memory",
    "change_the_personality",
    "gain_privileges_by_a_set_uid_program",
    "type_into_a_terminal",
    "open_a_netlink_socket",
    "start_three_hundred_processes",
    "fill_the_temporary_folder",
}
"""Attacks that an ordinary user carries out on any Linux; the others depend on its settings, or are
refused to the user without any help of ours."""


@functools.cache
def play(account: accounts.Account, mode: str, outbound: str) -> dict[str, str]:
    done = account.run(str(DRIVER), json.dumps({"mode": mode, "outbound": outbound}))
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome


def account_for(name: str, mode: str) -> accounts.Account:
    """The account, or a skip that says what is missing."""
    account = accounts.root(mode) if name == "root" else accounts.ordinary()
    if account.skip:
        pytest.skip(account.skip)
    abi = accounts.landlock_abi()
    if mode == "full":
        found = accounts.probe(account)
        if found["mode"] != "full":
            pytest.skip(f"full mode fails here at: {found['failed_step']}")
    elif mode == "landlock" and abi < 6:
        pytest.skip(f"the kernel's Landlock ABI is {abi}, the table is for 6 and later")
    return account


def open_attacks(outcome: dict[str, str]) -> set[str]:
    return {name for name, result in outcome.items() if result == "done"} - WORKS


def documented(name: str, mode: str, outbound: str) -> set[str]:
    """What the mode leaves open, by its own description."""
    expected = set(OPEN_BY_POLICY[outbound])
    if mode == "landlock" and name == "ordinary":
        expected.add("stat_the_platforms_token")  # metadata is not Landlock's
    if mode == "full" and outbound == "default":
        # Containers of one spawner share the Landlock domain that carries the port list.
        expected.add("connect_to_a_siblings_abstract_socket")
    return expected


def test_unconfined_the_attacks_succeed() -> None:
    outcome = play(account_for("ordinary", "none"), "none", "open")
    missing = {name: outcome[name] for name in SUCCEEDS_UNCONFINED if outcome[name] != "done"}
    assert missing == {}
    assert {name: outcome[name] for name in WORKS if outcome[name] != "done"} == {}


@pytest.mark.sandbox
@pytest.mark.parametrize("outbound", POLICIES)
@pytest.mark.parametrize("mode", ["full", "landlock"])
@pytest.mark.parametrize("name", ["ordinary", "root"])
def test_confined_only_what_is_documented_succeeds(name: str, mode: str, outbound: str) -> None:
    outcome = play(account_for(name, mode), mode, outbound)
    assert open_attacks(outcome) == documented(name, mode, outbound)
    assert {item: text for item, text in outcome.items() if text.startswith("broken")} == {}


@pytest.mark.sandbox
@pytest.mark.parametrize("outbound", POLICIES)
@pytest.mark.parametrize("mode", ["full", "landlock"])
@pytest.mark.parametrize("name", ["ordinary", "root"])
def test_confined_a_program_can_do_its_work(name: str, mode: str, outbound: str) -> None:
    outcome = play(account_for(name, mode), mode, outbound)
    assert {item: outcome[item] for item in WORKS if outcome[item] != "done"} == {}
