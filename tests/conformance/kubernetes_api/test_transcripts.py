"""The recorded answers of a real Kubernetes are our answers.

Needs the recordings: a folder ``reference`` named by FISSION_REFERENCE, or shared beside the
repository. ``DIFFERENT`` names every exchange that is answered otherwise, and why.
"""

from pathlib import Path

import pytest

from tests.support import apiserver

from . import conftest, replay, replayer

SAMPLE = "the recording leaves out what happened before"
RECONCILED = "reconcilers do not run in this test"
NOT_SERVED = "a kind that is not served"
OWNERSHIP = "managedFields begin with the first server-side apply; the message prints them"
OTHER_WORDS = "the same refusal in other words or with fewer repeated causes"
ZERO_TIMES = "a typed server writes null for times that were never set; ours leaves them out"
TIMING = "the recording caught a moment between two writes of the server itself"

DIFFERENT: dict[str, dict[str, str]] = {
    "errors": {
        "dup-strict": "the recording could not keep a JSON object with a repeated key",
        "svc-dup-clusterip": "cluster addresses come from another range here",
        "pod-immutable": OTHER_WORDS,
    },
    "patch": {
        "merge-noop": SAMPLE,
        "json-copy-move": SAMPLE,
        "merge-uid": OTHER_WORDS,
        "merge-wrong-type": OWNERSHIP,
        "merge-strict-unknown": OWNERSHIP,
        "strat-dep-add-container": RECONCILED,
        "strat-dep-replace-list": RECONCILED,
        "strat-dep-retain": RECONCILED,
        "strat-dep-order": RECONCILED,
        "kubectl-subresource": ZERO_TIMES,
    },
    "generation": {
        "table-cr": SAMPLE,
        "cr-field-selector": SAMPLE,
        "cr-cluster-list": SAMPLE,
        "cr-ssa": SAMPLE,
        "cr-ssa-conflict": OWNERSHIP,
        "cr-apply-unknown": OWNERSHIP,
    },
    "delete-and-gc": {
        "finalizer-add-after": OTHER_WORDS,
        "dep-default-policy": SAMPLE,
        "cr-delete": SAMPLE,
    },
    "namespaces": {"ns-delete-kubectl": RECONCILED},
    "events": {"get-events-sorted": SAMPLE},
    "crd": {
        "crd-watch": TIMING,
        "cr-get-in-all": NOT_SERVED,
        "invalid-int-as-float": OTHER_WORDS,
        "put-rv": SAMPLE,
        "no-status-endpoint": SAMPLE,
        "crd-delete-watch": SAMPLE,
    },
}
WITH_WIDGETS = ("generation", "delete-and-gc")
TOPICS = ("errors", "patch", "generation", "delete-and-gc", "namespaces", "events", "crd")


def recordings():
    folder = conftest.reference_folder()
    if folder is None:
        pytest.skip("no recordings: set FISSION_REFERENCE to the folder that holds kubernetes-api")
    return Path(folder)


def widget_definition(folder):
    for exchange in replay.load(folder / "crd.jsonl"):
        body = exchange.request.get("body")
        created = exchange.response["status"] == 201
        if created and isinstance(body, dict) and body["kind"] == "CustomResourceDefinition":
            return body
    raise AssertionError("crd.jsonl creates no definition")


@pytest.mark.parametrize("topic", TOPICS)
async def test_answers_are_as_recorded(topic):
    folder = recordings()
    exchanges = replay.load(folder / f"{topic}.jsonl")
    definition = widget_definition(folder) if topic in WITH_WIDGETS else None
    async with apiserver.running() as running:
        player = replayer.Replayer(running)
        await player.prepare(exchanges, definition)
        wrong = []
        for exchange in exchanges:
            differences = await player.play(exchange)
            if differences and exchange.name not in DIFFERENT[topic]:
                wrong.append(f"{exchange.title}\n    " + "\n    ".join(differences[:4]))
    assert player.played > 5
    assert not wrong, "\n".join(wrong)
