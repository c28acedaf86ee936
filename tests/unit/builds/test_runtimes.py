from __future__ import annotations

from typing import Any

import pytest

from alcove.builds.runtimes import Runtime, choose_runtime


def node(runtime: str, kubelet: str = "v1.36.2", **annotations: str) -> dict[str, Any]:
    info = {"containerRuntimeVersion": runtime, "kubeletVersion": kubelet}
    return {"metadata": {"annotations": annotations}, "status": {"nodeInfo": info}}


KUBEADM, OURS = "kubeadm.alpha.kubernetes.io/cri-socket", "alcove.dev/image-endpoint"


@pytest.mark.parametrize(
    ("found", "socket"),
    [
        (node("containerd://2.1.9"), "/run/containerd/containerd.sock"),
        (node("containerd://2.1.9", "v1.33.1+k3s1"), "/run/k3s/containerd/containerd.sock"),
        (node("containerd://1.7.2", "v1.33.1+rke2r1"), "/run/k3s/containerd/containerd.sock"),
        (node("containerd://1.7.2", **{KUBEADM: "unix:///var/run/c.sock"}), "/var/run/c.sock"),
        (node("containerd://1.7.2", **{KUBEADM: "/var/run/c.sock"}), "/var/run/c.sock"),
        (node("containerd://1.7.2", **{KUBEADM: "npipe://x"}), "/run/containerd/containerd.sock"),
        (node("containerd://1", **{KUBEADM: "unix:///a", OURS: "unix:///b"}), "/b"),
        (node("alcove://0.1.0", **{OURS: "unix:///data/images.sock"}), "/data/images.sock"),
    ],
)
def test_the_socket_is_where_the_node_says_or_where_it_usually_is(found: Any, socket: str) -> None:
    runtime = choose_runtime(found)
    assert runtime.socket == socket and runtime.is_supported


@pytest.mark.parametrize("version", ["cri-o://1.30.0", "docker://24.0", "", "alcove://0.1.0"])
def test_other_runtimes_are_refused_by_name(version: str) -> None:
    runtime = choose_runtime(node(version))
    assert not runtime.is_supported
    assert (version.partition("://")[0] or "unknown") in runtime.refusal


def test_a_node_that_says_nothing_has_no_runtime() -> None:
    assert choose_runtime({}) == Runtime("")
