"""A pod that waits for its image: it is told what the build prints, and at last what the image says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from alcove.agents.client import AgentClient
from alcove.agents.errors import AgentError
from alcove.agents.messages import Built
from alcove.app.hub import images
from alcove.app.hub.images import BuildRun
from alcove.app.hub.pods import PodView
from alcove.app.hub.preparing import must_prepare
from alcove.app.hub.session import LiveSession
from alcove.builds.requests import Failed, ImageConfig
from alcove.kube.errors import KubeError
from alcove.sessions.objects import BUILD_PORT

_PAUSE = 0.1
_log = logging.getLogger(__name__)


async def give_image(session: LiveSession, pod: PodView) -> None:
    """See a pod through until its containers can start; try anew while its agent cannot be reached."""
    runs = [session.state.builds.setdefault((pod.node, image), BuildRun()) for image in pod.images]
    while True:
        try:
            if not await _attend(session, pod, runs):
                return
        except (AgentError, KubeError) as error:
            _log.debug("%s was not told of its image: %s", pod.name, error)
        else:
            await _begin_start(session, pod)
            return
        await asyncio.sleep(_PAUSE)


async def _begin_start(session: LiveSession, pod: PodView) -> None:
    """Have people told when the session serves; not of what is given up already."""
    attempt = session.state.attempt
    if attempt is not None and not attempt.failed and pod.build == session.build:
        await session.report(phase="Starting")
        session.wake()


async def _attend(session: LiveSession, pod: PodView, runs: Sequence[BuildRun]) -> bool:
    """Tell a pod what happens to its images; False when there is none in the end."""
    config = ImageConfig()
    async with _open(session, pod) as agent:
        for run in runs:
            found = await _follow(agent, run)
            if isinstance(found, Failed):
                await agent.build_failed(images.told(found))
                return False
            config = found
        await _tell_config(session, agent, config)
    return True


async def _follow(agent: AgentClient, run: BuildRun) -> ImageConfig | Failed:
    async with contextlib.aclosing(run.follow()) as lines:
        async for line in lines:
            await agent.log(line.encode() + b"\n")
    return await run.wait()


async def _tell_config(session: LiveSession, agent: AgentClient, config: ImageConfig) -> None:
    if session.wanted is not None:
        settings = session.wanted.settings
        command, hold = settings.command, settings.command.hold or must_prepare(settings)
        await agent.settings(argv=command.argv, env=command.environment, hold=hold)
    await agent.built(Built(config.entrypoint, config.cmd, config.workdir, config.user, config.env))


@contextlib.asynccontextmanager
async def _open(session: LiveSession, pod: PodView) -> AsyncIterator[AgentClient]:
    kit = session.kit
    async with (
        kit.client.connect(kit.namespace, pod.name, BUILD_PORT) as stream,
        AgentClient.open(stream, session.id) as agent,
    ):
        yield agent
