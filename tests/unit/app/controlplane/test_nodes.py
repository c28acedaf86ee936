from typing import Any

from alcove.app.controlplane.nodes import observe_nodes
from alcove.model import SpaceName
from alcove.routing.snapshot import GatewayNode, PodNode
from alcove.sessions.ids import new_session_id


def pod(
    name: str, *addresses: str, phase: str = "Running", space: str = "dev", **labels: str
) -> dict[str, Any]:
    meta = {"name": name, "namespace": space, "uid": f"uid-{name}", "labels": labels}
    return {"metadata": meta, "status": {"phase": phase, "podIPs": [{"ip": each} for each in addresses]}}


def test_a_pod_with_a_proxy_is_a_node_of_its_space_also_before_it_has_an_address() -> None:
    found = observe_nodes([pod("web", "10.1.0.2", "fd00::0:2"), pod("new")], [])
    assert found == {
        "uid-web/dev/web": PodNode(SpaceName("dev"), ("10.1.0.2", "fd00::2")),
        "uid-new/dev/new": PodNode(SpaceName("dev")),
    }


def test_a_pod_that_has_ended_is_none() -> None:
    assert observe_nodes([pod("job", "10.1.0.2", phase="Succeeded")], []) == {}


def test_of_our_own_pods_the_gateways_are_nodes() -> None:
    labels = {"app.kubernetes.io/component": "gateway"}
    own = [pod("gate", "10.1.0.9", space="azds", **labels), pod("control", "10.1.0.8", space="azds")]
    assert observe_nodes([], own) == {"uid-gate/azds/gate": GatewayNode()}


def test_at_a_pod_of_a_session_requests_wait() -> None:
    labels = {"alcove.dev/injected": "true", "alcove.dev/session": new_session_id("dev", "0badcafe")}
    (mine,) = observe_nodes([pod("web", "10.1.0.2", **labels)], []).values()
    (others,) = observe_nodes([pod("web", "10.1.0.2", space="amy", **labels)], []).values()
    assert mine == PodNode(SpaceName("dev"), ("10.1.0.2",), waits=True)
    assert others == PodNode(SpaceName("amy"), ("10.1.0.2",))
