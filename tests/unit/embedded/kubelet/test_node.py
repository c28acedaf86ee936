"""The Node object."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded.kubelet.context import NodeSettings
from alcove.embedded.kubelet.node import NODES, NodeRegistration, machine_capacity, node_status
from alcove.embedded.ports import Image, ImageConfig


def settings(directory: Path) -> NodeSettings:
    return NodeSettings("node-1", directory, "v1.36.0", "1.0")


def test_the_machine_has_something_to_give(tmp_path: Path) -> None:
    capacity = machine_capacity(tmp_path)
    assert int(capacity["cpu"]) > 0
    assert capacity["memory"].endswith("Ki")


def test_the_status_tells_versions_images_and_times(tmp_path: Path) -> None:
    image = Image("docker.io/library/app:1", "sha256:1", (), (), ImageConfig())
    status = node_status(settings(tmp_path), "10.0.0.1", {"cpu": "2"}, [image], (0.0, 60.0))
    ready = status["conditions"][-1]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    assert ready["lastTransitionTime"] < ready["lastHeartbeatTime"]
    assert status["images"] == [{"names": ["docker.io/library/app:1"]}]
    assert status["nodeInfo"]["containerRuntimeVersion"] == "alcove://1.0"
    assert {"type": "InternalIP", "address": "10.0.0.1"} in status["addresses"]


async def test_the_node_says_where_its_images_are_built(tmp_path: Path) -> None:
    api = FakeCluster()
    for endpoint in ("", "unix:///one", "unix:///two"):
        chosen = dataclasses.replace(settings(tmp_path), image_endpoint=endpoint)
        await NodeRegistration(api, chosen, api.clock).register({})
        node = api.get(NODES, "", "node-1")
        assert node is not None
        assert node["metadata"]["annotations"].get("alcove.dev/image-endpoint", "") == endpoint


async def test_what_users_set_on_the_node_survives_a_restart(tmp_path: Path) -> None:
    api = FakeCluster()
    registration = NodeRegistration(api, settings(tmp_path), api.clock)
    await registration.register({"phase": "one"})
    await api.patch(
        NODES, "", "node-1", {"metadata": {"labels": {"own": "1"}}, "spec": {"unschedulable": True}}
    )
    await registration.register({"phase": "two"})
    node = api.get(NODES, "", "node-1")
    assert node is not None
    assert node["metadata"]["labels"]["own"] == "1"
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "linux"
    assert node["spec"]["unschedulable"]
    assert node["status"] == {"phase": "two"}
