"""What the one writer keeps in the cluster: aliases, copies of foreign Ingresses, what others begin with.

Others are the gateway (its bootstrap) and pods without our containers, hubs and builders: where the control
plane is reached, and who vouches for it.

Each duty compares what should be with what is and writes the difference, so another writer, or a write that
was lost, is made good by the next round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from alcove.admission.bootstrap import render_exchange_bootstrap, render_gateway_bootstrap
from alcove.admission.containers import FIRST_EXCHANGE, PLACES
from alcove.admission.facts import observe_spaces
from alcove.admission.settings import InjectionSettings
from alcove.app.controlplane.aliases import apply_aliases, plan_aliases
from alcove.app.controlplane.publishing import cluster_objects
from alcove.app.controlplane.sweeping import report_missed
from alcove.app.controlplane.watching import ObjectStore
from alcove.app.gateway.applying import apply_copies
from alcove.app.gateway.certificates import ReadSecrets
from alcove.app.gateway.copies import plan_copies
from alcove.app.observation.reports import Report
from alcove.app.observation.state import observe_state
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, PatchKind
from alcove.model import ClusterState
from alcove.routing.addresses import render_socket
from alcove.spaces.tree import plan_tree

GATEWAY_CONFIG = "alcove-gateway"
"""The ConfigMap from which the gateway's pods take what their Envoys are started with."""
EXCHANGE_KEY, BOOTSTRAP_KEY = "exchange", "bootstrap"
INSTALLATION = "alcove"
"""The ConfigMap that says how the cluster was enabled; everybody may read it."""
TRUST_KEY, CONTROL_PLANE_KEY = "trust", "controlPlane"
_PAUSE_SECONDS = 0.2
_ROUND_SECONDS = 30.0
_SWEEP_SECONDS = 120.0

_log = logging.getLogger(__name__)


class Writer:
    """The duties of the replica that holds the lease."""

    def __init__(
        self,
        client: KubeClient,
        store: ObjectStore,
        namespace: str,
        *,
        injection: Callable[[], InjectionSettings | None],
        clock: Callable[[], float],
        also: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        """Write by ``client`` what follows from ``store``; ``namespace`` is ours; ``clock``: Unix seconds.

        ``also`` are further duties of the one writer.
        """
        self._also = tuple(also)
        self._client = client
        self._store = store
        self._namespace = namespace
        self._injection = injection
        self._clock = clock
        self._swept = float("-inf")
        self._bootstraps: dict[str, str] = {}
        self._trust: dict[str, str] = {}
        self._told: set[Report] = set()

    async def serve(self, holds: Callable[[], bool]) -> None:
        """Go rounds after changes, and once in a while, for as long as the lease is held; until cancelled."""
        with self._store.changes() as changed:
            while True:
                try:
                    async with asyncio.timeout(_ROUND_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    self._bootstraps, self._trust = {}, {}
                await asyncio.sleep(_PAUSE_SECONDS)
                if holds():
                    changed.clear()
                    await self.work()

    async def work(self) -> None:
        """Go one round; a duty that fails is logged and keeps none of the others from being done."""
        if not self._store.observed:
            return
        duties: tuple[Callable[[], Awaitable[None]], ...] = (
            self._keep_aliases,
            self._keep_copies,
            self._keep_gateway,
            self._keep_trust,
            self._tell_missed,
            *self._also,
        )
        for duty in duties:
            try:
                await duty()
            except errors.KubeError as error:
                _log.warning("%s: %s", getattr(duty, "__name__", "duty").strip("_").replace("_", " "), error)

    async def _keep_aliases(self) -> None:
        await apply_aliases(self._client, plan_aliases(self._state()))

    async def _keep_copies(self) -> None:
        tree = plan_tree(self._state().spaces.values())
        planned = plan_copies(self._store.items("ingresses"), tree)
        failures = await apply_copies(self._client, planned.actions)
        for report in {*planned.reports, *failures} - self._told:
            _log.warning("%s", report)
        self._told = {*planned.reports, *failures}

    async def _tell_missed(self) -> None:
        settings, now = self._injection(), self._clock()
        if settings is None or now < self._swept + _SWEEP_SECONDS:
            return
        self._swept = now
        spaces = observe_spaces(self._store.items("namespaces"), self._store.items("limits"))
        for finding in await report_missed(self._client, spaces, settings, now):
            _log.info("missed: pod %s/%s: %s", finding.namespace, finding.name, finding.cause.value)

    def _state(self) -> ClusterState:
        state, _ = observe_state(cluster_objects(self._store, ReadSecrets()))
        return state

    async def _keep_gateway(self) -> None:
        settings = self._injection()
        wanted = {} if settings is None else render_gateway_config(settings)
        if not wanted or wanted == self._bootstraps:
            return
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": GATEWAY_CONFIG,
                "namespace": self._namespace,
                "labels": {"app.kubernetes.io/managed-by": "alcove"},
            },
            "data": wanted,
        }
        await self._client.patch(
            resources.CONFIG_MAPS,
            GATEWAY_CONFIG,
            document,
            kind=PatchKind.APPLY,
            namespace=self._namespace,
            field_manager="alcove-controlplane",
            force=True,
        )
        self._bootstraps = wanted

    async def _keep_trust(self) -> None:
        """Say where pods without our containers get their certificates; not where nothing is enabled."""
        settings = self._injection()
        wanted = {} if settings is None else render_trust_record(settings)
        if not wanted or wanted == self._trust:
            return
        try:
            await self._client.patch(
                resources.CONFIG_MAPS,
                INSTALLATION,
                {"data": wanted},
                namespace=self._namespace,
                field_manager="alcove-controlplane",
            )
        except errors.NotFoundError:
            return
        self._trust = wanted


def render_trust_record(settings: InjectionSettings) -> dict[str, str]:
    """Give what the ConfigMap of the installation says of us: nothing in it is a secret."""
    address = render_socket(settings.control_plane, settings.control_ports.https)
    return {TRUST_KEY: settings.trust, CONTROL_PLANE_KEY: address}


def render_gateway_config(settings: InjectionSettings) -> dict[str, str]:
    """Give the ConfigMap's content: what the gateway's two Envoys, one after the other, are started with.

    Nothing in it refers to a variable of the container, since nobody fills these in inside of a ConfigMap.
    """
    exchange = render_exchange_bootstrap(settings, FIRST_EXCHANGE)
    bootstrap = render_gateway_bootstrap(settings, PLACES)
    return {
        EXCHANGE_KEY: msgspec.json.encode(exchange).decode(),
        BOOTSTRAP_KEY: msgspec.json.encode(bootstrap).decode(),
    }
