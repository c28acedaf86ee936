"""Instances that count although they are not ready: those at which requests wait."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.observation.objects import endpoint_slice, namespace, port, service, session_pod

from alcove.app.observation.state import ClusterObjects, Memory, observe_state
from alcove.model import Endpoint, ServiceName, SpaceName
from alcove.sessions.ids import new_session_id


def building(space: str, address: str) -> Any:
    """Give one whose image is not there yet."""
    pod = session_pod(space, address, phase="Pending")
    pod["status"]["initContainerStatuses"] = [{"name": "alcove-proxy", "started": True}]
    return pod


def observed(*pods: Any, ready: bool = False, memory: Memory | None = None) -> tuple[Endpoint, ...]:
    objects = ClusterObjects(
        namespaces=NAMESPACES,
        services=SERVICES,
        endpoint_slices=SLICES[ready],
        session_pods=pods,
    )
    state, reports = observe_state(objects, memory)
    assert not reports
    return state.services[SpaceName("dev"), ServiceName("web")].endpoints


NAMESPACES = [namespace("dev")]
SERVICES = [service("web.dev", port(80, "http", targetPort=8080), address="10.96.0.1")]
SLICES = {
    ready: [endpoint_slice("web.dev", "10.1.0.1" if ready else "!10.1.0.1", ports={"http": 8080})]
    for ready in (True, False)
}
ELSEWHERE = new_session_id("amy", "0badcafe")


@pytest.mark.parametrize(
    ("pod", "waits"),
    [
        (session_pod("dev", "10.1.0.1"), True),
        (session_pod("dev", "10.1.0.1", phase="Pending"), False),
        (building("dev", "10.1.0.1"), True),
        (session_pod("dev", "10.1.0.1", phase="Failed"), False),
        (session_pod("dev", "10.1.0.1", deletionTimestamp="now"), False),
        (session_pod("dev", "10.1.0.1", labels={"alcove.dev/session": ELSEWHERE}), False),
        (session_pod("dev", "10.1.0.1", labels={"alcove.dev/injected": "true"}), False),
        (session_pod("amy", "10.1.0.1"), False),
        (session_pod("dev", "10.1.0.2"), False),
        (session_pod("dev", "no address"), False),
    ],
)
def test_a_pod_of_a_session_that_runs_counts_while_it_is_not_ready(pod: Any, waits: bool) -> None:
    assert observed(pod) == (Endpoint("10.1.0.1", ready=False, waits=waits),)


def test_what_is_remembered_is_what_is_there_now() -> None:
    memory, pod = Memory(), session_pod("dev", "10.1.0.1")
    for pods, waits in (((), False), ((pod,), True), ((pod,), True), ((), False)):
        assert observed(*pods, memory=memory)[0].waits is waits
