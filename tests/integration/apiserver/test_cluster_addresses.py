"""Addresses of Services are given out once, also to Services that are created together."""

import asyncio

from tests.support import apiserver


def a_service(name):
    ports = [{"port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": "NodePort", "ports": ports},
    }


async def test_services_created_together_have_addresses_and_node_ports_of_their_own():
    async with apiserver.running() as server:
        path = "/api/v1/namespaces/default/services"
        made = await asyncio.gather(
            *(server.call("POST", path, a_service(f"s{n}")) for n in range(20))
        )
        assert {answer.status for answer in made} == {201}
        assert len({answer.body["spec"]["clusterIP"] for answer in made}) == 20
        assert len({answer.body["spec"]["ports"][0]["nodePort"] for answer in made}) == 20
        taken = made[0].body["spec"]["clusterIP"]

        refused = a_service("another")
        refused["spec"]["clusterIP"] = taken
        answer = await server.call("POST", path, refused)
        assert answer.status == 422
        assert "provided IP is already allocated" in answer.body["message"]
