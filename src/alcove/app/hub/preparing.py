"""What a container gets before its command is started: directories of other images, and a debugger.

The command of such a container is held until this is done, also when the container is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import posixpath
import tarfile
from collections.abc import Iterator, Mapping

from alcove.agents.client import AgentClient
from alcove.agents.messages import Directory, Link
from alcove.agents.operations import Operation, WriteFile
from alcove.app.hub import images
from alcove.app.hub.kit import Kit
from alcove.app.hub.pods import PodView
from alcove.errors import AlcoveError
from alcove.sessions.debugging import DEBUG_DIRECTORY, DEBUGGERS, SITE, Debugger
from alcove.sessions.settings import Import, UpSettings

_LARGEST_IMPORT = 1 << 30
_BUILDER_SECONDS = 60.0
_PATHS = ("PYTHONPATH",)
"""Variables that are lists with colons; all others are flags with blanks between them."""


def must_prepare(settings: UpSettings) -> bool:
    """Tell whether a container needs something before its command is started."""
    container = settings.container
    return bool(settings.debug) or (container is not None and bool(container.imports))


async def prepare(
    kit: Kit, agent: AgentClient, pod: PodView, settings: UpSettings, applied: str
) -> Mapping[str, str]:
    """Make a container ready; give the environment that its command needs besides.

    Args:
        kit: finds the builder that has the images.
        agent: of the container.
        pod: the container's.
        settings: what is asked for.
        applied: what the agent is to go on saying of the container.

    Raises:
        AlcoveError: an image cannot be had, or the container cannot be written.
    """
    for one in settings.container.imports if settings.container else ():
        content = await _fetch(kit, pod, one)
        operations = await asyncio.to_thread(read_operations, content, f"{one.source} of {one.image}")
        await agent.apply(operations, root=one.destination, applied=applied)
    debugger = DEBUGGERS.get(settings.debug)
    if debugger is None:
        return {}
    if debugger.needs_site:
        site = SITE.encode()
        file = WriteFile("sitecustomize.py", 0o644, len(site), hashlib.sha256(site).digest(), site)
        await agent.apply((file,), root=DEBUG_DIRECTORY, applied=applied)
    return merged(debugger, await _environment(agent))


def merged(debugger: Debugger, environment: Mapping[str, str]) -> dict[str, str]:
    """Give a debugger's variables beside what the container has in them already."""
    found = {}
    for name, value in debugger.environment.items():
        joint = ":" if name in _PATHS else " "
        before = [one for one in environment.get(name, "").split(joint) if one]
        if value in before:
            found[name] = environment[name]
        else:
            found[name] = joint.join([value, *before] if name in _PATHS else [*before, value])
    return found


async def _environment(agent: AgentClient) -> dict[str, str]:
    """Give the container's environment; nothing where it has no program that tells."""
    content = bytearray()
    async with agent.run(("cat", "/proc/self/environ")) as running:
        async for stream, piece in running.output():
            if stream == 1:
                content += piece
    pairs = (one.partition("=") for one in content.decode(errors="replace").split("\0"))
    return {name: value for name, separator, value in pairs if separator}


async def _fetch(kit: Kit, pod: PodView, wanted: Import) -> bytes:
    content = bytearray()
    try:
        async with asyncio.timeout(_BUILDER_SECONDS):
            builder = await kit.builders.find(pod.node)
    except TimeoutError as error:
        raise AlcoveError(
            f"{wanted.source} of {wanted.image} cannot be had",
            cause=f"no builder is on node {pod.node}: they go when no pod waits for an image",
            hint=f"have the pod made anew: kubectl delete pod {pod.name} -n {kit.namespace}",
        ) from error
    auth = await images.read_auth(kit.client, kit.namespace, pod.pull_secrets)
    async with contextlib.aclosing(builder.copy_out(wanted.image, wanted.source, auth=auth)) as pieces:
        async for piece in pieces:
            content += piece
            if len(content) > _LARGEST_IMPORT:
                raise AlcoveError(f"{wanted.source} of {wanted.image} is larger than {_LARGEST_IMPORT} bytes")
    return bytes(content)


def read_operations(content: bytes, place: str) -> tuple[Operation, ...]:
    """Give what writes the content of a tar; ``place`` says where it is from.

    Raises:
        AlcoveError: it is damaged.
    """
    try:
        return tuple(_read_tar(content))
    except (tarfile.TarError, KeyError, OSError, EOFError) as error:
        raise AlcoveError(f"{place} cannot be read", cause=str(error)) from error


def _read_tar(content: bytes) -> Iterator[Operation]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            path = posixpath.normpath(member.name.strip("/"))
            if path == ".":
                continue
            if member.isdir():
                yield Directory(path, member.mode & 0o777)
            elif member.issym():
                yield Link(path, member.linkname)
            elif (stream := archive.extractfile(member)) is not None:
                data = stream.read()
                digest = hashlib.sha256(data).digest()
                yield WriteFile(path, member.mode & 0o777, len(data), digest, data)
