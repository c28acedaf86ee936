from __future__ import annotations

from dataclasses import replace

import pytest

from alcove.builds import pods
from alcove.builds.pods import BuilderSettings, Object, is_outdated, render_builder
from alcove.builds.runtimes import Runtime

SETTINGS = BuilderSettings("alcove/builder:1", "IfNotPresent", "10.96.0.9:443", "PEM")
CONTAINERD = Runtime("containerd", "/run/containerd/containerd.sock")
EMBEDDED = Runtime("alcove", "/data/images.sock")
OTHER = Runtime("cri-o")


def container(pod: Object) -> Object:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def volumes(pod: Object) -> dict[str, Object]:
    return {one["name"]: one for one in pod["spec"]["volumes"]}


def test_a_builder_runs_on_its_node_whatever_keeps_others_away() -> None:
    pod = render_builder("node-1", CONTAINERD, SETTINGS)
    assert pod["spec"]["nodeName"] == "node-1" and pod["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert pod["metadata"]["namespace"] == "azds-build"
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_with_containerd_it_may_mount_and_nothing_more() -> None:
    pod = render_builder("node-1", CONTAINERD, SETTINGS)
    security = container(pod)["securityContext"]
    assert security["capabilities"] == {"add": ["SYS_ADMIN"]} and security["privileged"] is False
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert volumes(pod)["socket"]["hostPath"] == {"path": CONTAINERD.socket, "type": "Socket"}


@pytest.mark.parametrize("runtime", [EMBEDDED, OTHER])
def test_with_other_runtimes_it_may_nothing_at_all(runtime: Runtime) -> None:
    security = container(render_builder("node-1", runtime, SETTINGS))["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]} and security["allowPrivilegeEscalation"] is False


def test_only_a_runtime_that_is_supported_lends_its_socket() -> None:
    assert "socket" in volumes(render_builder("node-1", EMBEDDED, SETTINGS))
    refusing = render_builder("node-1", OTHER, SETTINGS)
    assert not [one for one in volumes(refusing).values() if "hostPath" in one]
    environment = {one["name"]: one["value"] for one in container(refusing)["env"]}
    assert "cri-o" in environment["ALCOVE_REFUSAL"]


def test_every_mount_has_its_volume() -> None:
    for runtime in (CONTAINERD, EMBEDDED, OTHER):
        pod = render_builder("node-1", runtime, SETTINGS)
        assert {one["name"] for one in container(pod)["volumeMounts"]} == set(volumes(pod))


def test_nodes_have_builders_of_different_names_that_fit_into_labels() -> None:
    names = {pods.builder_name(node) for node in ("node-1", "node-2", "n" * 253)}
    assert len(names) == 3 and all(len(name) < 64 for name in names)


def test_a_builder_is_outdated_when_another_would_be_made() -> None:
    pod = render_builder("node-1", CONTAINERD, SETTINGS)
    assert not is_outdated(pod, CONTAINERD, SETTINGS)
    assert not is_outdated(pod, CONTAINERD, replace(SETTINGS, trust="PEM and newer"))
    assert is_outdated(pod, CONTAINERD, replace(SETTINGS, image="alcove/builder:2"))
    assert is_outdated(pod, Runtime("containerd", "/other.sock"), SETTINGS)
    assert is_outdated({"metadata": {}}, CONTAINERD, SETTINGS)
