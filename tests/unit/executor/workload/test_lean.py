"""What is kept of a pod."""

from __future__ import annotations

from fission.executor.poolmgr import deaths
from fission.executor.workload import lean


def test_a_pod_that_is_killed_for_its_memory_still_says_how_much_it_had() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "t1"}
    pod = lean.pod(
        {
            "metadata": {"name": "p", "namespace": "default", "uid": "u"},
            "spec": {
                "containers": [
                    {"name": "python", "resources": {"limits": {"memory": "64Mi", "cpu": "1"}}},
                    {"name": "fetcher"},
                ]
            },
            "status": {
                "containerStatuses": [
                    {"name": "python", "restartCount": 0, "state": {"terminated": ended}}
                ]
            },
        }
    )
    death = deaths.last(pod)
    assert death is not None
    assert "limit 64Mi" in death.message
    assert len(pod["spec"]["containers"]) == 1
