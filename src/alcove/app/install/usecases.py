"""What ``enable`` does, for one user of one cluster; asks and prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alcove.admission.markers import mapping
from alcove.app.install import applying, kinds, observing, planning, removal, rollouts, settings
from alcove.app.install.preflight import examine
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import Endpoint, InstallSettings, Record, Wishes
from alcove.app.install.suffixes import Balancer, Suffix, cname_of, decide_suffix, read_balancer
from alcove.app.spaces.creation import CreationRequest
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object

_ADDRESS_SECONDS = 60.0
"""How long an address of the gateway is awaited: some clusters have nobody who gives any."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long is waited, in seconds; 0: not at all."""

    ready: float
    address: float = _ADDRESS_SECONDS


class Installer:
    """Plans and applies."""

    def __init__(self, client: KubeClient, spaces: SpaceUseCases, place: Place) -> None:
        """Act with the rights of ``client``; ``spaces`` makes and selects the first space."""
        self._client = client
        self.spaces = spaces
        self.place = place

    @property
    def cluster(self) -> str:
        """What the cluster is called when people are spoken to."""
        return name_cluster(self.place)

    async def render(self, wishes: Wishes) -> tuple[Object, ...]:
        """Give the objects that ``enable`` would apply now."""
        return render_objects(await self._settle(wishes))

    async def plan_enable(self, wishes: Wishes, *, space: str = "") -> planning.EnablePlan:
        """Plan to install; ``space`` is the path of the first space, empty when it is chosen later.

        Raises:
            ConflictError: it cannot work here, the space cannot be made, or Helm has it in its hands.
        """
        chosen = await self._settle(wishes)
        objects = render_objects(chosen)
        name = str(parse_path(space).name) if space else ""
        present = await observing.observe_present(self._client, objects)
        surroundings = await observing.observe_surroundings(self._client, objects, space=name)
        plan = planning.plan_enable(
            objects, chosen, present=present, findings=examine(surroundings), cluster=self.cluster
        )
        if space:
            await self.spaces.plan_creation(CreationRequest(parse_path(space)))
        return plan

    async def enable(self, plan: planning.EnablePlan, say: Say, deadlines: Deadlines) -> Suffix:
        """Do what was planned, wait until it runs, and give the suffix of entry hosts.

        Raises:
            AlcoveError: a right is missing, the cluster refuses an object, or it does not get ready.
        """
        await applying.apply_enable(self._client, plan, say)
        gateway = plan.settings.endpoint is not Endpoint.NONE
        if deadlines.ready:
            names = [kinds.CONTROL_PLANE, *([kinds.GATEWAY] if gateway else [])]
            await rollouts.wait_until_ready(self._client, names, seconds=deadlines.ready)
            say("Control plane and gateway are ready" if gateway else "The control plane is ready")
        else:
            say("Not waiting until it is ready: alcove status tells")
        if not gateway:
            return await self._keep(Suffix(plan.settings.host_suffix), known=True)
        seconds = min(deadlines.address, deadlines.ready)
        balancer = await self._balancer(seconds)
        if balancer.host and not balancer.address and not plan.settings.host_suffix:
            say(f"The gateway has a name and no address; make a DNS record, {cname_of(balancer)},")
            say("  and tell what it is for: alcove enable --host-suffix YOUR.DOMAIN")
        return await self._keep(decide_suffix(plan.settings.host_suffix, balancer))

    async def plan_disable(self, *, restarted_at: str = "") -> removal.DisablePlan:
        """Plan to remove all of it but spaces; ``restarted_at`` as ``removal.plan_disable`` has it.

        Raises:
            ConflictError: Helm has it in its hands.
        """
        seen = await removal.observe_installed(self._client)
        return removal.plan_disable(seen, cluster=self.cluster, restarted_at=restarted_at)

    async def disable(self, plan: removal.DisablePlan, say: Say, *, seconds: float) -> None:
        """Do what was planned.

        Raises:
            AlcoveError: a right is missing, or the namespace does not go within ``seconds``.
        """
        await applying.apply_disable(self._client, plan, say, seconds=seconds)

    async def _balancer(self, seconds: float) -> Balancer:
        if seconds:
            return await rollouts.wait_for_balancer(self._client, seconds=seconds)
        service = await observing.find(
            self._client, resources.SERVICES, kinds.GATEWAY, namespace=kinds.NAMESPACE
        )
        return read_balancer(service or {})

    async def _keep(self, suffix: Suffix, *, known: bool = False) -> Suffix:
        """Record a suffix that was found out; an empty one counts where that is ``known``."""
        record = mapping(await observing.find_record(self._client) or {}, "data")
        found = (suffix.text, Record.OBSERVED) if suffix.text else (None, None)
        chosen = record.get(Record.SUFFIX_SOURCE) == Record.CHOSEN
        before = (record.get(Record.HOST_SUFFIX), record.get(Record.SUFFIX_SOURCE))
        if not chosen and before != found and (suffix.text or known):
            await applying.record(
                self._client, **dict(zip((Record.HOST_SUFFIX, Record.SUFFIX_SOURCE), found, strict=True))
            )
        return suffix

    async def _settle(self, wishes: Wishes) -> InstallSettings:
        record = await observing.find_record(self._client)
        return settings.settle(wishes, mapping(record or {}, "data"))


def name_cluster(place: Place) -> str:
    """Give what a cluster is called when people are spoken to."""
    name = f"the cluster {place.context!r}" if place.context else "the cluster"
    return f"{name} ({place.server})"
