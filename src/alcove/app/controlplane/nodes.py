"""The Envoys that there are: one per injected pod, and those of the gateway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alcove.admission import markers
from alcove.app.observation.waiting import lets_wait, pod_addresses
from alcove.model import SpaceName
from alcove.routing.snapshot import GatewayNode, Node, PodNode
from alcove.xds.identity import node_id

COMPONENT_LABEL = "app.kubernetes.io/component"
GATEWAY = "gateway"
_ENDED = ("Succeeded", "Failed")


def observe_nodes(proxies: Iterable[Mapping[str, Any]], own: Iterable[Mapping[str, Any]]) -> dict[str, Node]:
    """Give the nodes by their ids.

    Args:
        proxies: Pods with a proxy, of all namespaces.
        own: The pods of Alcove's own namespace.
    """
    found: dict[str, Node] = {}
    for pod in proxies:
        meta = markers.mapping(pod, "metadata")
        if _is_running(pod):
            space = SpaceName(str(meta.get("namespace", "")))
            found[_id(meta)] = PodNode(space, pod_addresses(pod), lets_wait(pod))
    for pod in own:
        if markers.labels_of(pod).get(COMPONENT_LABEL) == GATEWAY and _is_running(pod):
            found[_id(markers.mapping(pod, "metadata"))] = GatewayNode()
    return found


def _id(meta: Mapping[str, Any]) -> str:
    return node_id(str(meta.get("uid", "")), str(meta.get("namespace", "")), str(meta.get("name", "")))


def _is_running(pod: Mapping[str, Any]) -> bool:
    return markers.mapping(pod, "status").get("phase") not in _ENDED
