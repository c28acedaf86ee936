"""One call to the hub of a space, over one port-forward."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from alcove import aio, errors
from alcove.app.hub.pods import find_trouble
from alcove.app.up import hubs
from alcove.kube import resources
from alcove.kube.client import KubeClient
from alcove.kube.errors import ForbiddenError, NotFoundError, UnreachableError
from alcove.sessions.calls import HUB_PORT, TOLD, Greeting, Hello, Problem, Request, Told
from alcove.sessions.wire import LostError, Wire

_PAUSE = 0.05
_PATIENCE = 10.0
"""Seconds that a trouble of the hub's pod may last before it is told."""


class CallError(errors.AlcoveError):
    """The hub refused, or what it was asked for failed."""

    def __init__(self, problem: Problem) -> None:
        """Say what the hub said."""
        super().__init__(problem.message, cause=problem.cause, hint=problem.hint)
        self.exit_code = problem.code


@dataclass(frozen=True, slots=True)
class HubPlace:
    """Where the hub of a space is now."""

    namespace: str
    pod: str


class HubClient:
    """Calls to the hub of one space; it is looked for again when it has moved."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        """Reach the hub of ``namespace`` by ``client``'s port-forwards."""
        self._client = client
        self.namespace = namespace
        self._place: HubPlace | None = None

    @contextlib.asynccontextmanager
    async def call(self, request: Request) -> AsyncIterator[Wire]:
        """Open a call; it ends with the block.

        Raises:
            LostError: the hub cannot be reached, or went away.
        """
        place = self._place or await self._find()
        try:
            async with (
                self._client.connect(place.namespace, place.pod, HUB_PORT) as stream,
                aio.open_background(name="call") as tasks,
            ):
                wire = Wire(stream, peer="the hub")
                await wire.send(request)
                tasks.start(wire.beat(), name="beat")
                yield wire
        except (UnreachableError, NotFoundError) as error:
            self._place = None
            raise LostError("the connection to the hub was lost", cause=error.message) from error
        except LostError:
            self._place = None
            raise

    async def ask(self, request: Request) -> Told:
        """Ask for one value.

        Raises:
            CallError: the hub refused.
        """
        async with self.call(request) as wire:
            return checked(await wire.receive(TOLD))

    async def wait(self, *, seconds: float, tell: Callable[[str], None] = lambda _: None) -> Greeting:
        """Wait until the hub answers; give its greeting.

        Raises:
            UnavailableError: it does not, within ``seconds``, or cannot; why is said.
        """
        loop = asyncio.get_running_loop()
        ends, trouble, since = loop.time() + seconds, "", loop.time()
        while True:
            answer, found = await self._try()
            if isinstance(answer, Greeting):
                return answer
            if found != trouble:
                trouble, since = found, loop.time()
                if trouble:
                    tell(f"The hub does not start yet: {trouble}")
            over = loop.time() > ends
            if over or (trouble and loop.time() - since > _PATIENCE):
                raise errors.UnavailableError(
                    f"the hub of the space {self.namespace!r} does not answer",
                    cause=trouble or f"nothing within {seconds:.0f} s",
                    hint=f"kubectl describe deployment/{hubs.HUB} -n {self.namespace}",
                )
            await asyncio.sleep(_PAUSE)

    async def _try(self) -> tuple[Told | None, str]:
        """Give the hub's answer, or what keeps it from answering."""
        pods = await hubs.hub_pods(self._client, self.namespace)
        if not pods:
            return None, await self._missing_pod()
        pod = pods[-1]
        status = pod.get("status") or {}
        running = status.get("phase") == "Running"
        if not running:
            return None, find_trouble(status)
        self._place = HubPlace(self.namespace, pod["metadata"]["name"])
        try:
            return await self.ask(Hello()), ""
        except LostError:
            return None, find_trouble(status)

    async def _missing_pod(self) -> str:
        """Tell why there is no pod, as far as the Deployment says."""
        try:
            deployment = await self._client.get(resources.DEPLOYMENTS, hubs.HUB, namespace=self.namespace)
        except NotFoundError:
            return "the space has no hub"
        conditions = (deployment.get("status") or {}).get("conditions") or ()
        failures = [one for one in conditions if one.get("type") == "ReplicaFailure"]
        return str(failures[0].get("message", "")) if failures else ""

    async def _find(self) -> HubPlace:
        try:
            pods = await hubs.hub_pods(self._client, self.namespace)
        except (UnreachableError, ForbiddenError) as error:
            raise LostError("the hub cannot be looked for", cause=error.message) from error
        if not pods:
            raise LostError(f"the space {self.namespace!r} has no hub")
        self._place = HubPlace(self.namespace, pods[-1]["metadata"]["name"])
        return self._place


def checked(told: Told) -> Told:
    """Give what was told, unless the call ends with it.

    Raises:
        CallError: it does.
    """
    if isinstance(told, Problem) and told.final:
        raise CallError(told)
    return told
