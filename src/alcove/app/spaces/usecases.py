"""What the commands do, for one user of one cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alcove import errors
from alcove.app.spaces import applying, creation, observing, removal, views, waiting
from alcove.app.spaces import world as worlds
from alcove.app.spaces.paths import SpacePath
from alcove.app.spaces.plans import Plan
from alcove.config.selection import SelectionStore
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient
from alcove.model import SpaceName

_IDENTITY_NAMESPACE = "kube-system"
_INSTALLATION = "alcove"
"""The ConfigMap in the namespace ``azds`` that says how the cluster was enabled."""
_HOST_SUFFIX = "hostSuffix"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a user's commands go, as the kubeconfig has it."""

    context: str
    server: str
    namespace: str = ""
    """The context's namespace: one that the user is likely to be able to see."""


@dataclass(frozen=True, slots=True)
class ContextView:
    """What ``show-context`` tells."""

    place: Place
    space: str | None
    """The path of the selected space; its name when it may not be seen or is gone."""
    missing: bool
    """Whether the selected space is known to be gone."""
    host_suffix: str | None
    """What comes after the service in entry hosts; None while the cluster is not enabled."""

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "name": self.place.context,
            "server": self.place.server,
            "space": self.space,
            "hostSuffix": self.host_suffix,
        }


class SpaceUseCases:
    """Reads, plans and applies; asks and prints nothing."""

    def __init__(self, client: KubeClient, store: SelectionStore, place: Place) -> None:
        """Act with the rights of ``client``; remember what is selected in ``store``."""
        self._client = client
        self._store = store
        self._place = place
        self._identity = ""

    async def observe(self, *names: str) -> worlds.World:
        """Give the namespaces that may be seen; where none may be listed, ``names`` and the selected one."""
        selected = await self.selected()
        return await observing.observe_world(self._client, (*names, selected or "", self._place.namespace))

    async def selected(self) -> SpaceName | None:
        """Give the space that is selected on this cluster; it may be gone."""
        return self._store.read(await self._identify())

    async def select(self, path: SpacePath) -> str:
        """Select a space; give what to say.

        Raises:
            ConflictError: there is no such space.
        """
        world = await self.observe(*_names(path))
        name = worlds.locate(world, path)
        if world.ending(name):
            raise errors.ConflictError(f"the space {str(name)!r} is being deleted")
        real = world.tree.path(name)
        if await self.selected() == name:
            return f"Space '{real}' is selected already"
        await self._remember(name)
        return f"Space '{real}' is selected"

    async def plan_creation(self, request: creation.CreationRequest) -> Plan:
        """Plan to make a space.

        Raises:
            ConflictError: it cannot be made.
        """
        world = await self.observe(*_names(request.path))
        name = request.path.name
        exists = name in world.namespaces
        contents = await observing.observe_contents(self._client, name) if exists else observing.EMPTY
        return creation.plan_creation(world, request, contents)

    async def plan_removal(self, path: SpacePath, *, keep: bool = False) -> Plan:
        """Plan to remove a space; with ``keep`` its namespace stays.

        Raises:
            ConflictError: it must not be removed.
        """
        world = await self.observe(*_names(path))
        exists = path.name in world.namespaces
        contents = await observing.observe_contents(self._client, path.name) if exists else observing.EMPTY
        return removal.plan_removal(world, path, contents, keep=keep)

    async def apply(self, plan: Plan, say: Say, *, seconds: float = 0.0) -> None:
        """Do what was planned; wait up to ``seconds`` for a namespace that goes (0: do not wait).

        Raises:
            AlcoveError: a right is missing, the world has changed, or the namespace does not go.
        """
        await applying.apply_plan(self._client, plan, say)
        if plan.unselects and await self.selected() == plan.unselects:
            await self._remember(None)
            say("No space is selected now")
        if plan.ends and seconds:
            await waiting.wait_until_gone(self._client, plan.ends, seconds=seconds)

    async def show(self, path: SpacePath | None) -> views.SpaceDetails:
        """Give one space, the selected one when none is named.

        Raises:
            ConflictError: there is no such space, or none is selected.
        """
        selected = await self.selected()
        path = path or (SpacePath(selected) if selected else None)
        if path is None:
            raise errors.ConflictError("no space is selected", hint="name one, or: alcove space select")
        world = await self.observe(*_names(path))
        name = worlds.locate(world, path)
        seen = {
            space: await observing.list_objects(self._client, resources.SERVICES, space)
            for space in world.tree.chain(name)
        }
        return views.make_details(world, name, seen, selected=selected)

    async def show_context(self) -> ContextView:
        """Give where commands go."""
        selected = await self.selected()
        world = await self.observe()
        known = selected is not None and world.is_space(selected)
        path = world.tree.path(selected) if selected and known else selected
        missing = selected is not None and not known and selected not in world.hidden
        return ContextView(self._place, path, missing, await self._host_suffix())

    async def _host_suffix(self) -> str | None:
        try:
            found = await self._client.get(
                resources.CONFIG_MAPS, _INSTALLATION, namespace=creation.OWN_NAMESPACE
            )
        except (kube_errors.NotFoundError, kube_errors.ForbiddenError):
            return None
        return (found.get("data") or {}).get(_HOST_SUFFIX) or None

    async def _remember(self, name: SpaceName | None) -> None:
        self._store.write(await self._identify(), name, server=self._place.server)

    async def _identify(self) -> str:
        """Give what the cluster is known by: a namespace's uid, or its URL to those who may not see that."""
        if not self._identity:
            try:
                namespace = await self._client.get(resources.NAMESPACES, _IDENTITY_NAMESPACE)
            except (kube_errors.ForbiddenError, kube_errors.NotFoundError) as error:
                if error.code == 401:
                    raise
                self._identity = self._place.server
            else:
                self._identity = str(namespace["metadata"]["uid"])
        return self._identity


def _names(path: SpacePath) -> tuple[str, ...]:
    return (path.name, *path.ancestors)
