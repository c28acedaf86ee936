"""One network of pods with real Envoys for all tests of a module: it takes seconds to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.feature.routing import states
from tests.feature.routing.lab import Lab, PodShape
from tests.feature.routing.walks import compile_state, pod_node

from alcove.model import ClusterState

GATEWAY = PodShape("gateway", "10.1.0.100")
_PODS = [PodShape(space, states.pod_address(space)) for space in states.SPACES]
_OUTSIDE = PodShape(states.OUTSIDE, states.pod_address(states.OUTSIDE))
_TARGETS = {
    states.HTTP: 8080,
    states.GRPC: 8081,
    states.TCP: 9000,
    states.PLAIN: 8080,
    states.NAMED: 8080,
}


class Cluster:
    """The lab, and what was last published to its pods."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._published: ClusterState | None = None

    def publish(self, state: ClusterState) -> None:
        """Make every pod know a state, and wait until it does."""
        if state == self._published:
            return
        self._published = state
        snapshots = compile_state(state)
        for pod in _PODS:
            self.lab.discovery.offer(pod.name, snapshots[pod_node(pod.name)])
        for pod in _PODS:
            self.lab.discovery.wait(pod.name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Five pods with proxies, one without, and one for a gateway."""
    lab = Lab([*_PODS, _OUTSIDE, GATEWAY], _services())
    try:
        snapshots = compile_state(ClusterState())
        for pod in _PODS:
            lab.discovery.offer(pod.name, snapshots[pod_node(pod.name)])
            lab.start_proxy(pod)
        yield Cluster(lab)
    finally:
        lab.close()


def _services() -> dict[tuple[str, int], tuple[str, int]]:
    return {
        (states.cluster_address(space, service, generation), port): (states.pod_address(space), target)
        for space in states.SPACES
        for service in states.SERVICES
        for generation in (0, 1)
        for port, target in _TARGETS.items()
    }
