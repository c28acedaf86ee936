"""The images of this machine, as the kubelet asks for them and the commands change them.

What loads and builds images is imported when it is first needed: most clusters never do, and all of them
start faster without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from alcove.embedded.images import machine
from alcove.embedded.images.index import ImageIndex
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.images.references import normalise
from alcove.embedded.images.retention import InUse, Retention, obsolete_layers, obsolete_names
from alcove.embedded.images.threads import run_to_end
from alcove.embedded.ports import Image, ImageError, StepRunner
from alcove.errors import AlcoveError

_SKELETON = "stand-in"
_NOTHING, _USUAL = InUse(), Retention()


def _quiet(_: str) -> None:
    pass


class LocalImageStore:
    """Implements ``ports.ImageStore`` over one directory.

    ``step_runner`` runs the RUN steps of builds; without it they are refused. ``notice`` is told, once for
    each reference, when this machine's programs stand in for an image.
    """

    def __init__(
        self,
        directory: Path,
        *,
        step_runner: StepRunner | None = None,
        clock: Callable[[], float] = time.time,
        builtin: Iterable[machine.OwnPart] = (),
        notice: Callable[[str], None] = _quiet,
        machine_root: Path = Path("/"),
    ) -> None:
        """Keep everything below ``directory``, which is made when something is put there."""
        self._index = ImageIndex(directory, clock)
        self._clock = clock
        self._working: set[object] = set()
        self._own: set[str] = set()
        self._step_runner = step_runner
        self._builtin = {part.reference: part for part in builtin}
        self._notice = notice
        self._machine = machine_root
        self._noticed: set[str] = set()

    async def resolve(self, reference: str, pull_policy: str) -> Image:
        """Give the image for a container: a loaded or built one, one of our own, or a stand-in.

        Raises:
            ImageError: ``InvalidImageName``, ``ErrImageNeverPull`` (unknown and not to be pulled), or
                ``ErrImagePull`` when this machine's images cannot be read.
        """
        name = normalise(reference)
        own = self._builtin.get(name)
        try:
            contents = self._index.contents()
            if name in contents.names:
                return self._index.image(name, contents.images[contents.names[name]])
            if own is None and pull_policy == "Never":
                raise ImageError(
                    "ErrImageNeverPull",
                    f'Container image "{reference}" is not present with pull policy of Never',
                )
            skeleton = await self._made(_SKELETON, partial(machine.make_skeleton, machine=self._machine))
            added = (await self._own_layer(own),) if own is not None else ()
        except (AlcoveError, OSError) as error:
            hint = f" ({error.hint})" if isinstance(error, AlcoveError) and error.hint else ""
            raise ImageError("ErrImagePull", f'failed to pull image "{reference}": {error}{hint}') from error
        trees = machine.machine_trees(self._machine)
        if own is not None:
            return machine.completed(own.image(added), skeleton, trees)
        if name not in self._noticed:
            self._noticed.add(name)
            self._notice(f"image {reference} is not on this machine: this machine's programs stand in for it")
        return machine.stand_in(name, skeleton, trees)

    async def _own_layer(self, own: machine.OwnPart) -> Path:
        """Give the layer of an own part's files, and of the ways to its trees."""
        files = own.files()
        make = partial(machine.make_own_layer, own, files)
        return await self._made(machine.name_own_layer(own, files), make)

    async def _made(self, name: str, make: Callable[[Path], None]) -> Path:
        """Give the layer of this name, filled by ``make`` when it is not there."""
        self._own.add(name)
        layer = self._index.layer(name)
        if not layer.is_dir():
            await asyncio.to_thread(self._make, name, make)
        return layer

    def _make(self, name: str, make: Callable[[Path], None]) -> None:
        with self._index.new_layer() as made:
            (made / "layer").mkdir()
            make(made / "layer")
            self._index.keep_layer(made / "layer", name)

    def images(self) -> Sequence[Image]:
        """Give every loaded and built image, once for each name, and our own parts."""
        contents = self._index.contents()
        named = [
            self._index.image(name, contents.images[image_id]) for name, image_id in contents.names.items()
        ]
        return [*named, *(part.image() for part in self._builtin.values())]

    def load_archive(self, path: Path, name: str | None = None) -> Image:
        """Load every image of a ``docker save`` or OCI archive; give the first.

        ``name`` replaces the names that the archive has; only for an archive of one image.

        Raises:
            AlcoveError: the archive cannot be read, or nothing names its image.
        """
        from alcove.embedded.images import archives

        given = (_named(name),) if name else None
        with self._at_work():
            found = archives.read_archive(path, self._index)
            if not found:
                raise AlcoveError(f"{path} has no image")
            if given and len(found) > 1:
                raise AlcoveError(f"{path} has {len(found)} images: one name does not fit them")
            for entry, names in found:
                if not (given or names):
                    raise AlcoveError(f"{path} does not say what its image is called", hint="give it a name")
                self._index.put(entry, given or names)
        return self._index.image((given or found[0].names)[0], found[0].entry)

    async def build(
        self,
        directory: Path,
        name: str,
        *,
        dockerfile: str | None = None,
        build_args: Mapping[str, str] | None = None,
        target: str | None = None,
        output: Callable[[str], None] = _quiet,
    ) -> Image:
        """Build the Dockerfile of a directory (or another one, a path relative to it) and name the result.

        ``output`` gets one line at a time. Layers of earlier builds are used again when nothing that they
        were made of has changed.

        Raises:
            AlcoveError: with the Dockerfile's line; no image is left, and an earlier one keeps its name.
        """
        from alcove.embedded.images import building

        reference = _named(name)
        request = building.BuildRequest(
            directory, dockerfile or "Dockerfile", dict(build_args or {}), target or ""
        )
        tools = building.Tools(self._index, self.resolve, self._step_runner, output)
        with self._at_work():
            entry = await building.build_image(request, tools)
            await run_to_end(partial(self._index.put, entry, [reference]))
        output(f"Successfully tagged {name}")
        return self._index.image(reference, entry)

    def unpack_context(self, received: BinaryIO, directory: Path) -> None:
        """Unpack a tar file that somebody sent into a new directory; may take long.

        Raises:
            AlcoveError: it is damaged, or would write outside of the directory.
        """
        from alcove.embedded.images import unpacking

        directory.mkdir()
        unpacking.unpack(received, directory, whiteouts=False)

    def export(self, image: Image, path: str, target: IO[bytes]) -> None:
        """Write a tar file of what is at a path of an image (see ``exporting``); may take long.

        Raises:
            AlcoveError: nothing is there.
        """
        from alcove.embedded.images import exporting

        exporting.write_tar(MergedTree(image.layers, image.machine_trees), path, target)

    def remove(self, reference: str) -> bool:
        """Forget an image by name; tell whether there was one. Its layers go with ``collect_garbage``."""
        return self._index.drop(_named(reference))

    def collect_garbage(
        self,
        in_use: InUse = _NOTHING,
        retention: Retention = _USUAL,
    ) -> list[str]:
        """Forget what is obsolete and remove the layers that are spare then; give their names.

        See ``retention`` for what is. Nothing is removed while an image is being made: layers of its own
        have no image yet. May take long.
        """
        self._index.forget(lambda named: obsolete_names(named, in_use, retention))
        if self._working:
            return []
        now = self._clock()
        layers = {*in_use.layers, *(self._index.layer(name) for name in self._own)}
        return self._index.collect(lambda spare: obsolete_layers(spare, now, retention), in_use=layers)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """Keep layers from being collected while the block makes an image of some."""
        work = object()
        self._working.add(work)
        try:
            yield
        finally:
            self._working.discard(work)


def _named(name: str) -> str:
    try:
        return normalise(name)
    except ImageError as error:
        raise AlcoveError(str(error)) from error
