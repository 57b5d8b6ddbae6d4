"""The probe on this host, and on hosts that refuse a step."""

import json
import pathlib

import pytest

from fission.cluster.kubelet.sandbox import probe
from tests.integration.sandbox import accounts

REFUSE = pathlib.Path(__file__).with_name("refuse_calls.py")


def an_ordinary_account() -> accounts.Account:
    account = accounts.ordinary()
    if account.skip:
        pytest.skip(account.skip)
    return account


def findings(account: accounts.Account, refused: str) -> probe.Isolation:
    command = (account.python, "-P", "-m", "fission.cluster.kubelet.sandbox.probe")
    done = account.run(str(REFUSE), refused, *command)
    return probe.Isolation.from_dict(json.loads(done.stdout))


def test_it_finds_a_mode_and_leaves_nothing_behind() -> None:
    found = probe.detect()
    assert found.mode in ("full", "landlock", "none")
    assert (found.mode == "full") == (found.failed_step == "")


@pytest.mark.sandbox
def test_a_runtime_that_forbids_unshare_leaves_landlock() -> None:
    found = findings(an_ordinary_account(), "unshare")
    assert found.failed_step == "unshare: Operation not permitted"
    assert "seccomp profile" in found.remedy
    assert found.mode == ("landlock" if accounts.landlock_abi() else "none")


@pytest.mark.sandbox
def test_exhausted_user_namespaces_name_their_sysctl() -> None:
    found = findings(an_ordinary_account(), "unshare=ENOSPC")
    assert found.failed_step == "unshare: No space left on device"
    assert "user.max_user_namespaces" in found.remedy


@pytest.mark.sandbox
def test_a_refused_mount_is_named_with_its_place() -> None:
    account = an_ordinary_account()
    if accounts.probe(account)["mode"] != "full":
        pytest.skip("user namespaces are refused before any mount")
    found = findings(account, "mount")
    assert found.failed_step == "mount /: Operation not permitted"
    assert found.mode == ("landlock" if accounts.landlock_abi() else "none")


@pytest.mark.sandbox
def test_an_old_kernel_without_mount_setattr_is_named() -> None:
    account = an_ordinary_account()
    if accounts.probe(account)["mode"] != "full":
        pytest.skip("user namespaces are refused before any mount")
    found = findings(account, "mount_setattr=ENOSYS")
    assert found.remedy == "a Linux kernel of 5.12 or later"


@pytest.mark.sandbox
def test_a_kernel_without_landlock_and_namespaces_gives_no_confinement() -> None:
    found = findings(an_ordinary_account(), "unshare,landlock_create_ruleset=ENOSYS")
    assert found.mode == "none"
    assert found.landlock_abi == 0
    assert found.gaps == ("functions are not confined: they can do what this user can do",)
