"""Which runtime a node has, by what it says of itself, and where that is reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTAINERD, ALCOVE = "containerd", "alcove"
"""The runtimes that builders know, by the scheme of ``containerRuntimeVersion``."""
ENDPOINT_ANNOTATION = "alcove.dev/image-endpoint"
"""Of a Node: where its runtime's socket is, for nodes that have it elsewhere than is usual."""
_KUBEADM_ANNOTATION = "kubeadm.alpha.kubernetes.io/cri-socket"
_USUAL = "/run/containerd/containerd.sock"
_OF_DISTRIBUTIONS = {
    "+k3s": "/run/k3s/containerd/containerd.sock",
    "+rke2": "/run/k3s/containerd/containerd.sock",
    "-k0s": "/run/k0s/containerd.sock",
    "+k0s": "/run/k0s/containerd.sock",
}
"""By what the kubelet's version has in it."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A node's container runtime."""

    kind: str
    """``containerd``, ``alcove``, or that of another one."""
    socket: str = ""
    """Its path on the node; empty for a kind that builders cannot use."""

    @property
    def is_supported(self) -> bool:
        """Whether images can be made for it."""
        return bool(self.socket)

    @property
    def refusal(self) -> str:
        """Why they cannot."""
        kind = self.kind or "unknown"
        return f"the node's container runtime is {kind}: only containerd gets images without a registry yet"


def choose_runtime(node: Mapping[str, Any]) -> Runtime:
    """Give the runtime of a Node."""
    stated: Mapping[str, Any] = (node.get("status") or {}).get("nodeInfo") or {}
    kind = str(stated.get("containerRuntimeVersion", "")).partition("://")[0]
    if kind not in (CONTAINERD, ALCOVE):
        return Runtime(kind)
    annotations = (node.get("metadata") or {}).get("annotations") or {}
    for name in (ENDPOINT_ANNOTATION, _KUBEADM_ANNOTATION):
        path = str(annotations.get(name, "")).removeprefix("unix://")
        if path.startswith("/"):
            return Runtime(kind, path)
    version = str(stated.get("kubeletVersion", ""))
    usual = next((path for part, path in _OF_DISTRIBUTIONS.items() if part in version), _USUAL)
    return Runtime(kind, usual if kind == CONTAINERD else "")
