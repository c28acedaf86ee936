"""``up`` and its relatives put together from a kubeconfig, a user's own files and the selected space."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from alcove import errors
from alcove.app.gateway.lookups import SystemNames
from alcove.app.gateway.uris import list_uris
from alcove.app.spaces.composition import ClusterChoice, open_use_cases
from alcove.app.up import hubs
from alcove.app.up.calling import HubClient
from alcove.config.azds.tokens import Tokens, make_tokens
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.http import open_client
from alcove.model import SpaceName

_STORAGE = "10Gi"
_HUB_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class SpacePlace:
    """The space that commands of this kind work in."""

    name: SpaceName
    path: str
    root: SpaceName
    context: str


class SpaceHub:
    """A space and its hub, as one user reaches them."""

    def __init__(self, client: KubeClient, place: SpacePlace, installation: hubs.Installation) -> None:
        """Work in ``place`` with the rights of ``client``."""
        self._client = client
        self.place = place
        self._installation = installation
        self.calls = HubClient(client, place.name)
        self._settings: hubs.HubSettings | None = None

    @property
    def tokens(self) -> Tokens:
        """What the tokens of azds.yaml stand for here, but for the tag."""
        return make_tokens("", self.place.name, self.place.root, self._installation.host_suffix)

    async def ensure(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """See to it that the hub runs and answers.

        Raises:
            ConflictError: the user may not make one.
            UnavailableError: it does not start.
        """
        if self._settings is None:
            stored = await hubs.find_storage(self._client)
            self._settings = hubs.HubSettings(self.place.name, self._installation, _STORAGE if stored else "")
            if not stored:
                tell(
                    "The cluster has no default storage class: sources are kept in the hub's pod, "
                    "and are sent again when it is lost"
                )
        await hubs.ensure_hub(self._client, self._settings)
        await self.calls.wait(seconds=_HUB_SECONDS, tell=tell)

    async def locate(self, urls: Sequence[str]) -> tuple[str, ...]:
        """Give URLs of ingresses as they are entered: where the gateway has another port, with that.

        Those that the gateway does not serve, or of which that may not be seen, stay as they are.
        """
        try:
            found = await list_uris(self._client, SystemNames(), self.place.name)
        except errors.AlcoveError:
            return tuple(urls)
        served = {(urlsplit(row.uri).hostname, urlsplit(row.uri).path or "/"): row.uri for row in found.rows}
        return tuple(served.get((urlsplit(url).hostname, urlsplit(url).path or "/"), url) for url in urls)

    async def exists(self) -> bool:
        """Tell whether the space has a hub."""
        return await hubs.has_hub(self._client, self.place.name)

    async def remove(self) -> None:
        """Take the hub out of the space."""
        await hubs.remove_hub(self._client, self.place.name)


@contextlib.asynccontextmanager
async def open_space(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path, space: str = ""
) -> AsyncIterator[SpaceHub]:
    """Yield the selected space, or the one that is named.

    Raises:
        ConflictError: none is selected, it is no space, or the cluster is not enabled.
        KubeError: there is no such cluster.
    """
    place = await _find_place(choice, environment, home, space)
    access = await load_access(environment, kubeconfig=choice.kubeconfig, context=choice.context)
    async with open_client(access) as client:
        yield SpaceHub(client, place, await hubs.fetch_installation(client))


async def _find_place(
    choice: ClusterChoice, environment: Mapping[str, str], home: Path, space: str
) -> SpacePlace:
    async with open_use_cases(choice, environment, home=home) as use_cases:
        name = SpaceName(space.rpartition("/")[2]) if space else await use_cases.selected()
        if name is None:
            raise errors.ConflictError("no space is selected", hint="alcove space select NAME")
        world = await use_cases.observe(name)
        context = (await use_cases.show_context()).place.context
    if not world.is_space(name):
        hidden = "you may not see it" if name in world.hidden else "there is no such space (any more)"
        raise errors.ConflictError(
            f"the space {str(name)!r} cannot be used", cause=hidden, hint="alcove space select NAME"
        )
    return SpacePlace(name, world.tree.path(name), world.tree.root(name), context)
