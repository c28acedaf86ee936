"""``status``, ``doctor`` and ``list-up``, for one user of one cluster; they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alcove import errors
from alcove.admission import configuration
from alcove.app.gateway.faults import report_entries
from alcove.app.install import canary, checks, kinds, running, sessionchecks, trials
from alcove.app.install.checks import Check
from alcove.app.install.inspecting import inspect
from alcove.app.install.observing import find, observe_surroundings
from alcove.app.install.statuses import Installation, InstallationStatus, summarize
from alcove.app.install.usecases import name_cluster
from alcove.app.observation.fetching import fetch_state
from alcove.app.spaces.observing import list_objects
from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient
from alcove.model import SpaceName
from alcove.sessions.objects import SESSIONS


@dataclass(frozen=True, slots=True)
class Listed:
    """What ``list-up`` found."""

    rows: tuple[running.RunningRow, ...]
    unseen: tuple[SpaceName, ...]
    """Spaces whose contents may not be seen."""


class Diagnostician:
    """Looks at an installation and at what runs in its spaces."""

    def __init__(
        self,
        client: KubeClient,
        spaces: SpaceUseCases,
        place: Place,
        *,
        resolve: trials.Resolver,
        clock: Callable[[], float],
    ) -> None:
        """Look with the rights of ``client``; names are looked up by ``resolve``."""
        self._client = client
        self._spaces = spaces
        self._place = place
        self._resolve = resolve
        self._clock = clock

    async def status(self) -> InstallationStatus:
        """Give how the installation is.

        Raises:
            UnavailableError: there is none, or it may not be seen.
        """
        seen = await inspect(self._client)
        if seen is None:
            raise errors.UnavailableError(
                f"Alcove is not installed in {name_cluster(self._place)}",
                cause="the namespace 'azds' has no ConfigMap 'alcove', or you may not see it",
                hint="alcove enable",
            )
        return summarize(seen)

    async def examine(self) -> list[Check]:
        """Give every check; what needs an installation is left out without one.

        Raises:
            KubeError: the cluster does not answer, or does not know the caller.
        """
        seen = await inspect(self._client)
        surroundings = await observe_surroundings(self._client, ())
        found = [checks.check_surroundings(surroundings), checks.check_installation(seen)]
        if seen is None:
            return found
        return [
            *found,
            checks.check_versions(seen),
            *checks.check_parts(seen),
            await self._check_trust(),
            *await self._try(seen),
            checks.check_missed(seen),
            *await self._check_sessions(seen),
            await self._check_objects(),
        ]

    async def fly_canary(self, token: str) -> list[Check]:
        """Send a canary through every stage; ``token`` makes its namespaces' names unlike any others.

        Raises:
            KubeError: the cluster does not answer, or does not know the caller.
        """
        seen = await inspect(self._client)
        if seen is None:
            return []
        return [checks.check_trial(trial) async for trial in canary.fly(self._client, seen, token)]

    async def list_up(self, *, inherited: bool) -> Listed:
        """Give what runs in the selected space, with ``inherited`` also what it has from above.

        Raises:
            ConflictError: no space is selected, or it is gone.
        """
        selected = await self._spaces.selected()
        if selected is None:
            raise errors.ConflictError("no space is selected", hint="alcove space select")
        world = await self._spaces.observe()
        if not world.is_space(selected) and selected not in world.hidden:
            raise errors.ConflictError(
                f"the selected space {str(selected)!r} does not exist (any more)", hint="alcove space select"
            )
        chain = world.tree.chain(selected) if world.is_space(selected) else (selected,)
        contents: dict[SpaceName, running.SpaceContents] = {}
        for space in chain if inherited else chain[:1]:
            services = await list_objects(self._client, resources.SERVICES, space)
            pods = await list_objects(self._client, resources.PODS, space)
            if services is not None:
                contents[space] = running.SpaceContents(services, pods or ())
        wanted = chain if inherited else chain[:1]
        rows = running.list_running(wanted, contents)
        return Listed(tuple(rows), tuple(space for space in wanted if space not in contents))

    async def _try(self, seen: Installation) -> list[Check]:
        selected = await self._spaces.selected()
        return [
            checks.check_trial(await trials.try_pod(self._client, seen, selected)),
            checks.check_trial(await trials.try_gateway(self._client, seen)),
            checks.check_trial(await trials.try_name(seen, self._resolve), worst=checks.Outcome.WARN),
        ]

    async def _check_sessions(self, seen: Installation) -> list[Check]:
        try:
            await self._client.find_resource(SESSIONS.api_version, SESSIONS.kind)
        except kube_errors.NotFoundError:
            return [sessionchecks.check_kind(served=False)]
        events = await list_objects(self._client, resources.EVENTS, kinds.BUILDS) or ()
        return [
            sessionchecks.check_kind(served=True),
            sessionchecks.check_builders(seen, events),
            sessionchecks.check_session_images(seen),
        ]

    async def _check_trust(self) -> Check:
        found = await find(self._client, kinds.WEBHOOKS, configuration.NAME)
        return checks.check_trust(found, trials.trust_ends(found), self._clock())

    async def _check_objects(self) -> Check:
        try:
            state, reports = await fetch_state(self._client)
        except kube_errors.ForbiddenError as error:
            if error.code == 401:
                raise
            return Check("objects", checks.Outcome.SKIP, error.message)
        return checks.check_reports(sorted({*reports, *report_entries(state, secrets_read=False)}))
