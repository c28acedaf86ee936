"""The driver for containerd: Buildah makes the image, containerd is handed it (see *handover*)."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from alcove.builds import buildah, contexts, copying
from alcove.builds.bases import Bases
from alcove.builds.buildah import Buildah, Commands, Places
from alcove.builds.containerd import Containerd
from alcove.builds.dockerfiles import base_images
from alcove.builds.failures import explain_failure, parse_step, retell
from alcove.builds.handover import HandOver
from alcove.builds.housekeeping import Housekeeping, Usage
from alcove.builds.layers import KnownLayers
from alcove.builds.programs import Programs
from alcove.builds.requests import (
    BuildEvent,
    BuildRequest,
    Built,
    Failed,
    ImageConfig,
    Line,
    full_name,
    image_tag,
)
from alcove.errors import AlcoveError
from alcove.sessions.ids import parse_tag

_TAIL = 40
_KEPT = 5
"""Builds of a session whose images stay on the node; pods of older ones have ended long ago."""

_log = logging.getLogger(__name__)


class BuildahDriver:
    """Buildah beside a containerd."""

    def __init__(
        self,
        places: Places,
        containerd: Containerd,
        programs: Programs,
        *,
        runtime: str,
        usage: Callable[[Path], Usage] = shutil.disk_usage,
    ) -> None:
        """Build in ``places``, which are prepared.

        Args:
            places: where things are.
            containerd: the node's.
            programs: runs Buildah.
            runtime: runs the steps.
            usage: tells how full the disk is that a directory is on.
        """
        self._places = places
        self._containerd = containerd
        self._programs = programs
        self._commands = Commands(places, runtime)
        self._architecture = buildah.this_architecture()
        self._housekeeping = Housekeeping(places.spaces, tidy=self._tidy, usage=usage)
        known = KnownLayers(places.state / "layers.json")
        self._bases = Bases(
            containerd,
            known,
            places.bases().directory,
            platform=f"linux/{self._architecture}",
            pull=self._pull,
        )
        self._handover = HandOver(containerd, known, places.work / "layout")

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        """Build and hand over."""
        try:
            async with (
                self._housekeeping.entered(space) as told,
                contexts.unpacked(context, self._places.work) as directory,
                contextlib.aclosing(self._build(request, directory, self._of_space(space))) as events,
            ):
                for text in told:
                    yield Line(text)
                try:
                    async for event in events:
                        yield event
                except (asyncio.CancelledError, GeneratorExit):
                    self._housekeeping.ended(space)
                    raise
        except AlcoveError as error:
            yield Failed(str(error), hint=error.hint)

    async def find(self, image: str) -> ImageConfig | None:
        """Ask containerd."""
        found = await self._containerd.configuration(image, architecture=self._architecture)
        return None if found is None else _config(found)

    async def copy_out(self, image: str, path: str, *, auth: str, space: str) -> AsyncGenerator[bytes, None]:
        """Mount a container of the image and read there."""
        async with self._housekeeping.entered(space):
            async for _ in self._bases.take([image]):
                pass
            own = self._of_space(space)
            with self._authorised(auth) as authfile:
                container = await own.answer(self._commands.start_container(image, authfile))
            try:
                root = Path(await own.answer(self._commands.mount(container)))
                file = self._places.work / f"{container}.tar"
                with contextlib.ExitStack() as stack:
                    stack.callback(file.unlink, missing_ok=True)
                    await asyncio.to_thread(copying.write_tar, root, path, file)
                    async for piece in copying.read_pieces(file):
                        yield piece
            finally:
                await own.run(self._commands.remove(container))

    async def _build(
        self, request: BuildRequest, context: Path, own: Buildah
    ) -> AsyncGenerator[BuildEvent, None]:
        images = base_images(_read_dockerfile(context, request.dockerfile), request.args)
        for image in images:
            if parse_tag(image_tag(image)):
                yield Failed(f"{image} is an image of a session, on which no other can be based")
                return
        async with contextlib.aclosing(self._bases.take(images)) as names:
            async for name in names:
                yield Line(f"{name} is taken from the node")
        with tempfile.TemporaryDirectory(prefix="build-", dir=self._places.run) as directory:
            result = Path(directory) / "id"
            with self._authorised(request.auth) as auth:
                command = self._commands.build(request, context, auth=auth, result=result)
                async with contextlib.aclosing(_follow(own.follow(command))) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, Failed):
                            return
            image_id = result.read_text().strip()
        inspected = msgspec.json.decode(await own.run(self._commands.inspect(image_id)))

        async def push(directory: Path) -> None:
            await own.run(self._commands.push(image_id, directory))

        carried = await self._handover.give(request.image, push)
        yield Line(f"{request.image} is on the node ({carried / 1e6:.1f} MB of new layers)")
        await self._remove_older(request.image)
        yield Built(_config(buildah.describe(inspected)))

    async def _remove_older(self, image: str) -> None:
        try:
            if names := older_builds(image, await self._containerd.names()):
                await self._containerd.remove(names)
        except AlcoveError as error:
            _log.warning("older images of %s stay: %s", image, error)

    def _of_space(self, space: str) -> Buildah:
        return Buildah(self._programs, self._places, self._places.of_space(space))

    async def _tidy(self, space: str) -> None:
        with contextlib.suppress(AlcoveError):  # what is wrong with the storage shows in what follows
            await self._of_space(space).run(self._commands.remove_containers())

    async def _pull(self, archive: Path, name: str) -> bool:
        bases = Buildah(self._programs, self._places, self._places.bases())
        try:
            image_id = await bases.answer(self._commands.pull_archive(archive))
            await bases.run(self._commands.tag(image_id, name))
        except AlcoveError as error:
            _log.warning("Buildah does not take %s: %s", name, error)
            return False
        return True

    @contextlib.contextmanager
    def _authorised(self, auth: str) -> Iterator[Path | None]:
        """Give a file of what may be pulled, in memory, for as long as the block runs."""
        if not auth:
            yield None
            return
        with tempfile.NamedTemporaryFile("w", prefix="auth-", dir=self._places.run) as file:
            file.write(auth)
            file.flush()
            yield Path(file.name)


async def _follow(said: AsyncGenerator[str | int, None]) -> AsyncGenerator[Line | Failed, None]:
    """Yield a build's lines and, when it fails, why."""
    tail: collections.deque[str] = collections.deque(maxlen=_TAIL)
    step, code = "", 0
    async with contextlib.aclosing(said):
        async for one in said:
            if isinstance(one, int):
                code = one
                continue
            tail.append(one)
            step = parse_step(one) or step
            yield Line(retell(one))
    if code:
        yield explain_failure(tuple(tail), step, code)


def older_builds(image: str, names: tuple[str, ...]) -> list[str]:
    """Give the names of a session's images of builds that are so old that nobody needs them."""
    current = parse_tag(image_tag(image))
    if current is None:
        return []
    repository = full_name(image).removesuffix(image_tag(image))
    tags = {name: parse_tag(name.removeprefix(repository)) for name in names if name.startswith(repository)}
    return [
        name
        for name, tag in tags.items()
        if tag is not None and tag.session == current.session and tag.build <= current.build - _KEPT
    ]


def _read_dockerfile(context: Path, dockerfile: str) -> str:
    """Read it; AlcoveError when it is not there, or a link out of the build's directory."""
    path = (context / dockerfile).resolve()
    if not path.is_relative_to(context.resolve()) or not path.is_file():
        raise AlcoveError(f"the build's directory has no file {dockerfile}")
    return path.read_text(errors="replace")


def _config(found: Mapping[str, object]) -> ImageConfig:
    def texts(name: str) -> tuple[str, ...]:
        value = found.get(name)
        return tuple(str(one) for one in value) if isinstance(value, list) else ()

    return ImageConfig(
        entrypoint=texts("Entrypoint"),
        cmd=texts("Cmd"),
        workdir=str(found.get("WorkingDir") or ""),
        user=str(found.get("User") or ""),
        env=texts("Env"),
    )
