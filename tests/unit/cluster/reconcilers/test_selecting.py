import random

from fission.cluster.reconcilers import informers, selecting
from fission.meta import gvk


def a_pod(name, namespace="a", **labels):
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


def some_pods(*pods):
    everything = informers.Informers(None)
    everything.index(gvk.PODS, informers.BY_LABEL)
    made = everything.get(gvk.PODS)
    made.replace([made.keep(pod) for pod in pods])
    return made


def names(pods):
    return sorted(pod["metadata"]["name"] for pod in pods)


def test_candidates_are_those_with_the_rarest_label():
    crowd = [a_pod(f"p{i}", app="web") for i in range(50)]
    mine = a_pod("mine", app="web", function="f")
    found = some_pods(*crowd, mine, a_pod("elsewhere", "b", app="web", function="f"))

    wanted = {"app": "web", "function": "f"}
    assert names(selecting.candidates(found.lister, "a", wanted)) == ["mine"]
    assert selecting.candidates(found.lister, "a", {"app": "web", "function": "g"}) == []


def test_candidates_follow_changes_of_labels():
    found = some_pods(a_pod("p", managed="true"))
    changed = a_pod("p", managed="false")
    found.replace([found.keep(changed)])

    assert selecting.candidates(found.lister, "a", {"managed": "true"}) == []
    assert names(selecting.candidates(found.lister, "a", {"managed": "false"})) == ["p"]


def test_owners_are_found_as_by_comparing_with_each():
    chance = random.Random(7)
    selectors, known = selecting.Selectors(), {}

    def some_labels():
        return {name: chance.choice("xy") for name in chance.sample("klmn", chance.randint(0, 3))}

    for _ in range(2000):
        key = chance.choice("ab"), f"s{chance.randint(0, 20)}"
        if chance.random() < 0.3:
            known.pop(key, None)
            selectors.drop(key)
        else:
            known[key] = some_labels()
            selectors.put(key, known[key])
        where, found = chance.choice("ab"), some_labels()
        expected = {
            key
            for key, wanted in known.items()
            if key[0] == where and wanted and wanted.items() <= found.items()
        }
        assert set(selectors.matching(where, found)) == expected
