"""Who writes: one replica at a time, by a Lease, as Kubernetes' own controllers have it.

Times in a Lease are other machines' clocks, so they are not compared with ours: what counts is for how long
*we* have seen the Lease unchanged. A holder that cannot renew stops being one before anybody else may take
over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from alcove.admission.markers import Object, mapping
from alcove.app.controlplane.settings import LeaseSettings
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient

NAME = "alcove-controlplane"
_log = logging.getLogger(__name__)


class Move(Enum):
    """What to do about the Lease."""

    CREATE = "there is none"
    RENEW = "it is ours"
    TAKE = "its holder has gone, or has not renewed it"
    WAIT = "somebody else holds it"


@dataclass(frozen=True, slots=True)
class Sight:
    """A version of the Lease and since when (seconds of our clock) it has been seen."""

    version: str = ""
    since: float = 0.0


def plan_move(lease: Object | None, holder: str, *, seen_for: float, settings: LeaseSettings) -> Move:
    """Decide; ``seen_for`` is for how many seconds the Lease has been as it is."""
    if lease is None:
        return Move.CREATE
    spec = mapping(lease, "spec")
    current = str(spec.get("holderIdentity") or "")
    if current == holder:
        return Move.RENEW
    duration = spec.get("leaseDurationSeconds") or settings.duration
    return Move.TAKE if not current or seen_for >= float(duration) else Move.WAIT


def render_lease(
    lease: Object | None, holder: str, namespace: str, *, now: float, settings: LeaseSettings
) -> Object:
    """Give the Lease as the holder writes it; an existing one with its version, so that only one succeeds."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = mapping(lease or {}, "spec")
    changed = before.get("holderIdentity") != holder
    spec = {
        **before,
        "holderIdentity": holder,
        "leaseDurationSeconds": int(settings.duration),
        "renewTime": moment,
        "acquireTime": moment if changed else before.get("acquireTime", moment),
        "leaseTransitions": int(before.get("leaseTransitions") or 0) + (1 if changed and lease else 0),
    }
    fresh = {
        "apiVersion": resources.LEASES.api_version,
        "kind": resources.LEASES.kind,
        "metadata": {"name": NAME, "namespace": namespace},
    }
    return {**(lease or fresh), "spec": spec}


class Candidate:
    """One replica that would write."""

    def __init__(self, client: KubeClient, namespace: str, holder: str, *, settings: LeaseSettings) -> None:
        """Stand for the Lease in ``namespace`` under the name ``holder``."""
        self._client = client
        self._namespace = namespace
        self._holder = holder
        self._settings = settings
        self._sight = Sight()
        self._renewed = float("-inf")

    def holds(self, clock: float) -> bool:
        """Tell whether it is safe to write at this moment of the monotonic clock."""
        return clock - self._renewed < self._settings.duration - self._settings.renew

    async def campaign(self, clock: float, now: float) -> bool:
        """Go one round, at ``clock`` (monotonic) and ``now`` (since the epoch); tell whether we hold it.

        Raises:
            KubeError: the API server cannot be asked; what was held is held until it runs out.
        """
        try:
            lease = await self._client.get(resources.LEASES, NAME, namespace=self._namespace)
        except errors.NotFoundError:
            lease = None
        version = str(mapping(lease or {}, "metadata").get("resourceVersion") or "")
        if version != self._sight.version:
            self._sight = Sight(version, clock)
        move = plan_move(lease, self._holder, seen_for=clock - self._sight.since, settings=self._settings)
        if move is Move.WAIT:
            self._renewed = float("-inf")
            return False
        wanted = render_lease(lease, self._holder, self._namespace, now=now, settings=self._settings)
        try:
            if move is Move.CREATE:
                await self._client.create(resources.LEASES, wanted)
            else:
                await self._client.replace(resources.LEASES, wanted)
        except errors.ConflictError:
            return False
        if not self.holds(clock):
            _log.info("this replica writes from now on: %s", move.value)
        self._renewed = clock
        return True

    async def resign(self) -> None:
        """Give the Lease back, so that nobody needs to wait; what fails here costs others a little time."""
        try:
            lease = await self._client.get(resources.LEASES, NAME, namespace=self._namespace)
            if mapping(lease, "spec").get("holderIdentity") == self._holder:
                spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await self._client.replace(resources.LEASES, {**lease, "spec": spec})
        except errors.KubeError as error:
            _log.info("the lease could not be given back: %s", error)


async def run_candidate(
    candidate: Candidate,
    clocks: tuple[Callable[[], float], Callable[[], float]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    *,
    settings: LeaseSettings,
) -> None:
    """Campaign until cancelled; ``clocks`` are the monotonic one and that of the day."""
    monotonic, today = clocks
    while True:
        try:
            await candidate.campaign(monotonic(), today())
        except errors.KubeError as error:
            _log.warning("cannot look after the lease: %s", error)
        await sleep(settings.renew)
