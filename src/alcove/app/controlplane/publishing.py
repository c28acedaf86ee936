"""From what is observed to what every proxy has: one build after the other, each made of all objects."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from alcove.admission.markers import is_of_session
from alcove.app.controlplane.batching import collect
from alcove.app.controlplane.nodes import observe_nodes
from alcove.app.controlplane.secrets import tls_namespaces, watch_name
from alcove.app.controlplane.settings import BatchSettings
from alcove.app.controlplane.watching import ObjectStore
from alcove.app.gateway.certificates import ReadSecrets, SecretReader
from alcove.app.observation.reports import Report
from alcove.app.observation.state import ClusterObjects, Memory, observe_state
from alcove.model import ClusterState
from alcove.pki import KeyPair
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import Planner, RoutePlan
from alcove.routing.snapshot import BrokenSnapshotError, Compiler, Node, Resource, Snapshot
from alcove.xds import resources as xds
from alcove.xds.publisher import Publisher


class ResourceEncoder(Protocol):
    """Makes what is sent of what was compiled."""

    def encode(self, type_url: str, name: str, version: str, body: Mapping[str, Any]) -> xds.Resource:
        """Give a resource; equal versions have equal bodies."""

    def forget(self) -> None:
        """End a round: what it did not use may be forgotten."""


_log = logging.getLogger(__name__)


class RoutePublisher:
    """Builds when something that matters has changed, and hands the results to the proxies' streams."""

    def __init__(
        self,
        store: ObjectStore,
        publisher: Publisher,
        encoder: ResourceEncoder,
        *,
        settings: ProxySettings,
        fallback: KeyPair,
    ) -> None:
        """Read from ``store``, publish to ``publisher``; hosts without a certificate get ``fallback``."""
        self._store = store
        self._publisher = publisher
        self._encoder = _Encoder(encoder)
        self._memory = Memory()
        self._planner = Planner()
        self._compiler = Compiler(settings)
        self._secrets = SecretReader()
        self._fallback = fallback
        self._held: ReadSecrets | None = None
        self._plan = RoutePlan()
        self._nodes: dict[str, Node] = {}
        self.state: ClusterState | None = None
        """What the last build was made of; None before the first."""

    def build(self) -> bool:
        """Go one round; False when nothing that matters has changed."""
        watches = tuple(map(watch_name, tls_namespaces(self._store.items("ingresses"))))
        if not self._store.observed or not self._may_begin(watches):
            return False
        held = self._secrets.read(self._store.all_items(watches))
        state, reports = observe_state(cluster_objects(self._store, held), self._memory)
        nodes = observe_nodes(self._store.items("proxies"), self._store.items("own"))
        if (state, nodes, held) == (self.state, self._nodes, self._held):
            return False
        plan = self._plan if state == self.state else self._planner.plan(state)
        _log_reports(reports)
        try:
            distinct, secrets = dict.fromkeys(nodes.values()), held.render(self._fallback)
            self._publish(self._compiler.compile(plan, distinct, secrets=secrets), nodes)
        except BrokenSnapshotError:
            # Our own mistake: everybody keeps what they have, and the next change is another chance.
            _log.exception("nothing is published: the routes do not fit together")
        self.state, self._plan, self._nodes, self._held = state, plan, nodes, held
        return True

    def _may_begin(self, watches: Iterable[str]) -> bool:
        """Tell whether the certificates are known, without which the first build would take hosts down."""
        return self.state is not None or all(map(self._store.has_listed, watches))

    def _publish(self, snapshots: Mapping[Node, Snapshot], nodes: Mapping[str, Node]) -> None:
        encoded = self._encoder.encode(snapshots)
        for node_id, node in nodes.items():
            self._publisher.publish(node_id, encoded[node])
        for gone in self._nodes.keys() - nodes.keys():
            self._publisher.withdraw(gone)


async def serve_routes(
    routes: RoutePublisher, store: ObjectStore, clock: Callable[[], float], settings: BatchSettings
) -> None:
    """Build after changes, until cancelled; nothing is built before everything was listed."""
    settled = False
    with store.changes() as changed:
        while True:
            await collect(changed, clock, settings)
            started = clock()
            if not routes.build():
                continue
            _log.info("built in %.0f ms", (clock() - started) * 1000)
            if not settled:
                # What the first build made stays for long: looking through it again and again would hold up
                # changes for as long as a build takes.
                gc.collect()
                gc.freeze()
                settled = True


def cluster_objects(store: ObjectStore, held: ReadSecrets) -> ClusterObjects:
    """Give what is observed in the shape that observation asks for; of secrets only who vouches for what."""
    return ClusterObjects(
        namespaces=store.items("namespaces"),
        services=store.items("services"),
        endpoint_slices=store.items("slices"),
        ingresses=store.items("ingresses"),
        nodes=store.items("nodes"),
        service_cidrs=store.items("ranges"),
        session_pods=[pod for pod in store.items("proxies") if is_of_session(pod)],
        certificates=held.certificates,
    )


class _Encoder:
    """Encodes each resource once, however many proxies have it and however often it is built again."""

    def __init__(self, encoder: ResourceEncoder) -> None:
        self._encoder = encoder
        self._resources: dict[tuple[str, str, str], xds.Resource] = {}

    def encode(self, snapshots: Mapping[Node, Snapshot]) -> dict[Node, xds.Snapshot]:
        kept: dict[tuple[str, str, str], xds.Resource] = {}
        found = {node: xds.Snapshot(self._each(snapshot, kept)) for node, snapshot in snapshots.items()}
        self._resources = kept
        self._encoder.forget()
        return found

    def _each(
        self, snapshot: Snapshot, kept: dict[tuple[str, str, str], xds.Resource]
    ) -> Iterable[xds.Resource]:
        for kind, named in snapshot.resources.items():
            for resource in named.values():
                key = (kind, resource.name, resource.version)
                if key not in kept:
                    kept[key] = self._resources.get(key) or self._new(kind, resource)
                yield kept[key]

    def _new(self, kind: str, resource: Resource) -> xds.Resource:
        return self._encoder.encode(kind, resource.name, resource.version, resource.body)


def _log_reports(reports: Iterable[Report]) -> None:
    for report in reports:
        _log.debug("does not count: %s", report)
