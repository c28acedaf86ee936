"""Starts every controller and brings them the events of every resource that is served.

One watch feeds all controllers; each custom resource that is defined later gets one of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alcove.aio import Background, open_background
from alcove.embedded.controllers.balancers import balancers
from alcove.embedded.controllers.definitions import DEFINITIONS, definitions
from alcove.embedded.controllers.deployments import deployments
from alcove.embedded.controllers.driver import Controller, Driver
from alcove.embedded.controllers.endpoints import endpoints
from alcove.embedded.controllers.garbage import garbage
from alcove.embedded.controllers.jobs import jobs
from alcove.embedded.controllers.mirroring import mirroring
from alcove.embedded.controllers.namespaces import namespaces
from alcove.embedded.controllers.replicasets import replica_sets, replication_controllers
from alcove.embedded.controllers.roles import cluster_roles
from alcove.embedded.controllers.statefulsets import stateful_sets
from alcove.embedded.controllers.tokens import tokens
from alcove.embedded.controllers.volumes import volumes
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, WatchEvent
from alcove.embedded.ports import Catalog, ClusterApi, TokenIssuer

logger = logging.getLogger(__name__)

_AT_ONCE = 200
"""How many events are distributed before everybody else has a turn, so that a long list delays nobody."""


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What the controllers are told by whoever puts the cluster together."""

    ca_certificate: str = ""
    """PEM, published in every namespace as ConfigMap ``kube-root-ca.crt``."""
    load_balancer_address: str | None = None
    """What Services of type LoadBalancer get as their address; None leaves them pending."""
    make_volume_directory: Callable[[Object], str] | None = None
    """Makes a PersistentVolumeClaim's directory and gives its absolute path; the same for the same uid.
    None leaves claims of the class ``alcove`` pending."""
    remove_volume_directory: Callable[[str], None] | None = None
    """Removes such a directory and all in it, if it is there; called in a thread, may raise OSError."""
    token_issuer: TokenIssuer | None = None
    """Fills Secrets of type ``kubernetes.io/service-account-token``; None leaves them as they are."""


async def run_controllers(
    api: ClusterApi,
    *,
    catalog: Catalog,
    settings: ControllerSettings,
    clock: Callable[[], float] = time.time,
) -> None:
    """Run all controllers until cancelled; ``clock`` gives seconds since the epoch."""
    async with open_background(name="controllers") as background:
        roster = _roster(api, catalog, settings)
        drivers = [Driver(one, api, clock=clock, background=background) for one in roster]
        try:
            await Distribution(api, catalog, drivers, background=background).run()
        finally:
            for driver in drivers:
                driver.stop()


def _roster(api: ClusterApi, catalog: Catalog, settings: ControllerSettings) -> Sequence[Controller]:
    ca_certificate, issuer = settings.ca_certificate, settings.token_issuer
    roster = [
        namespaces(api, catalog, ca_certificate=ca_certificate),
        garbage(api, catalog),
        deployments(api),
        replica_sets(api),
        replication_controllers(api),
        stateful_sets(api),
        jobs(api),
        endpoints(api),
        mirroring(api),
        volumes(
            api,
            make_directory=settings.make_volume_directory,
            remove_directory=settings.remove_volume_directory,
        ),
        cluster_roles(api),
        definitions(api),
    ]
    if settings.load_balancer_address is not None:
        roster.append(balancers(api, address=settings.load_balancer_address))
    if issuer is not None:
        roster.append(tokens(api, issuer, ca_certificate=ca_certificate))
    return roster


class Distribution:
    """Hands the events of all resources to the drivers that want them."""

    def __init__(
        self, api: ClusterApi, catalog: Catalog, drivers: Sequence[Driver], *, background: Background
    ) -> None:
        """Watch through ``api`` what ``catalog`` says is served."""
        self._api = api
        self._catalog = catalog
        self._drivers = drivers
        self._background = background
        self._followed: set[GroupResource] = set()
        self._wanting: dict[GroupResource, list[Driver]] = {}

    async def run(self) -> None:
        """Distribute events until cancelled, or until the API ends the watch (it is closing)."""
        await self._follow(self._unfollowed())

    def _unfollowed(self) -> list[GroupResource]:
        served = (one.resource for one in self._catalog.types() if one.implemented and "watch" in one.verbs)
        found = [one for one in dict.fromkeys(served) if one not in self._followed]
        self._followed.update(found)
        return found

    async def _follow(self, resources: Sequence[GroupResource]) -> None:
        try:
            seen = 0
            async for event in self._api.watch(*resources):
                self._distribute(event)
                seen += 1
                if seen % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        except ApiError:
            logger.exception("the watch of %s ended", ", ".join(resources))
        finally:
            self._followed.difference_update(resources)

    def _distribute(self, event: WatchEvent) -> None:
        if event.type == "SYNCED":
            for driver in self._drivers:
                driver.start()
            return
        wanting = self._wanting.get(event.resource)
        if wanting is None:
            wanting = [one for one in self._drivers if not one.watched or event.resource in one.watched]
            self._wanting[event.resource] = wanting
        for driver in wanting:
            driver.observe(event)
        if event.resource == DEFINITIONS:
            for resource in self._unfollowed():
                self._background.start(self._follow([resource]), name=f"watch {resource}")
