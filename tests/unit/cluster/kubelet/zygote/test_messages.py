"""Messages survive their way through JSON."""

import json

from fission.cluster.kubelet.zygote import messages


def through_json(value: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(messages.to_dict(value)))
    return found


def test_a_full_container_spec_comes_back_equal() -> None:
    spec = messages.ContainerSpec(
        id="uid/name",
        argv=["router"],
        entry="module:main",
        env={"A": "b"},
        cwd="/data",
        mounts=(messages.Mount("/host", "/userfunc", True),),
        limits=messages.Limits(memory_bytes=1, max_processes=2),
        confinement=messages.Confinement(
            "full", (443, 5432), uid=70000, hostname="pod", blocked_ports=((8888, 8889),)
        ),
        socket_names=("http", "http"),
        image_root="/image",
        hold_sockets=True,
        init=True,
        extra_fd_names=("CONTROL_FD",),
    )
    assert messages.ContainerSpec.from_dict(through_json(spec)) == spec


def test_named_outbound_policies_stay_names() -> None:
    for outbound in ("default", "none", "open"):
        asked = messages.Confinement("full", outbound)
        assert messages.Confinement.from_dict(through_json(asked)) == asked


def test_an_image_launch_comes_back_equal() -> None:
    launch = messages.ImageLaunch(
        name="python",
        python="/usr/bin/python3",
        entry="a:b",
        preload=("flask",),
        pythonpath=("/image",),
        visible=("/more",),
        outbound="default",
        blocked_ports=((8000, 8000), (20000, 29999)),
    )
    assert messages.ImageLaunch.from_dict(through_json(launch)) == launch


def test_a_state_comes_back_equal_and_knows_whether_it_runs() -> None:
    running = messages.ContainerState("id", 5, 100, "boot", started_at=1.5, confinement=("gap",))
    assert messages.ContainerState.from_dict(through_json(running)) == running
    assert running.running
    assert not messages.ContainerState("id", 5, 100, "boot", exit_code=0).running
    assert not messages.ContainerState("id", 5, 100, "boot", signal=9).running
