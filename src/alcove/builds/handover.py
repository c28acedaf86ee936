"""From Buildah's storage into containerd: only what is not there yet is carried over.

Buildah writes an image as an OCI layout, uncompressed. The layers that containerd has, from earlier builds or
because the base was taken from it, are not written at all: an empty file at a blob's place makes Buildah
believe that it is there. The manifest is then written anew, with layers as containerd knows them, and the
archive that containerd is given lacks them.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from alcove.builds.containerd import Containerd
from alcove.builds.layers import Descriptor, KnownLayers
from alcove.builds.requests import full_name
from alcove.errors import AlcoveError

Push = Callable[[Path], Awaitable[None]]

_PIECE = 1 << 20
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_VERSION = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True, slots=True)
class Bundle:
    """An image as it is given away."""

    index: bytes
    blobs: Mapping[str, bytes | Path]
    """Its documents, and those of its layers that are missing, by digest."""
    layers: Mapping[str, Descriptor]
    """All of its layers, by what is in them."""


class Layout:
    """The directory that Buildah writes to: one image at a time is in it."""

    def __init__(self, directory: Path) -> None:
        """Use ``directory``."""
        self.directory = directory
        self._blobs = directory / "blobs/sha256"

    def prepare(self, known: Collection[str]) -> None:
        """Be empty, but for what makes Buildah leave out the layers ``known``."""
        self.clear()
        self._blobs.mkdir(parents=True)
        for digest in known:
            self.blob(digest).touch()

    def blob(self, digest: str) -> Path:
        """Give the place of a blob."""
        return self._blobs / digest.removeprefix("sha256:")

    def manifest(self) -> dict[str, Any]:
        """Give the manifest of the image that was written; AlcoveError when there is none."""
        try:
            (entry,) = msgspec.json.decode((self.directory / "index.json").read_bytes())["manifests"]
            found: dict[str, Any] = msgspec.json.decode(self.blob(entry["digest"]).read_bytes())
        except (OSError, ValueError, KeyError) as error:
            raise AlcoveError("Buildah wrote no image", cause=str(error)) from error
        return found

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.directory, ignore_errors=True)


class HandOver:
    """Hands one image at a time over."""

    def __init__(self, containerd: Containerd, known: KnownLayers, directory: Path) -> None:
        """Use ``directory`` between both."""
        self._containerd = containerd
        self._known = known
        self._layout = Layout(directory)
        self._lock = asyncio.Lock()

    async def give(self, name: str, push: Push) -> int:
        """Give containerd an image under a name; give how many bytes of layers were carried over.

        ``push`` writes it as a layout into a directory.

        Raises:
            AlcoveError: one of both refuses.
        """
        async with self._lock:
            try:
                return await self._give(full_name(name), push, with_known=True)
            except _VanishedError:
                return await self._give(full_name(name), push, with_known=False)
            finally:
                await asyncio.to_thread(self._layout.clear)

    async def _give(self, name: str, push: Push, *, with_known: bool) -> int:
        present = await self._containerd.digests() if with_known else frozenset()
        known = {one: layer for one, layer in self._known.read().items() if layer.digest in present}
        await asyncio.to_thread(self._layout.prepare, known)
        await push(self._layout.directory)
        bundle = bundle_image(self._layout, name, present, known)
        await self._containerd.take_in(stream_bundle(bundle))
        # Between the look and now something may have been removed that nothing else needed.
        if not await self._containerd.digests() >= {layer.digest for layer in bundle.layers.values()}:
            if with_known:
                raise _VanishedError
            raise AlcoveError("containerd has not kept the image", hint="is the node's disk nearly full?")
        self._known.learn(bundle.layers)
        layers = {layer.digest: layer.size for layer in bundle.layers.values()}
        return sum(size for digest, size in layers.items() if digest in bundle.blobs)


class _VanishedError(Exception):
    """A layer that was there is no longer."""


def bundle_image(
    layout: Layout, name: str, present: Collection[str], known: Mapping[str, Descriptor]
) -> Bundle:
    """Give the image in a layout under a full name.

    ``present`` is what containerd has, ``known`` the layers, by what is in them, that Buildah left out.
    """
    manifest = layout.manifest()
    written = msgspec.convert(manifest["layers"], list[Descriptor])
    layers = {one.digest: known.get(one.digest, one) for one in written}
    config = manifest["config"]
    document = msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": config,
            "layers": [layers[one.digest] for one in written],
        }
    )
    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    blobs: dict[str, bytes | Path] = {
        digest: document,
        config["digest"]: layout.blob(config["digest"]),
        **{one: layout.blob(one) for one, layer in layers.items() if layer.digest not in present},
    }
    entry = {
        "mediaType": _MANIFEST,
        "digest": digest,
        "size": len(document),
        "annotations": {"io.containerd.image.name": name},
    }
    index = msgspec.json.encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]})
    return Bundle(index, blobs, layers)


async def stream_bundle(bundle: Bundle) -> AsyncIterator[bytes]:
    """Yield an OCI archive."""
    files: dict[str, bytes | Path] = {"oci-layout": _VERSION, "index.json": bundle.index}
    files.update({"blobs/" + digest.replace(":", "/"): blob for digest, blob in bundle.blobs.items()})
    for name, content in files.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content) if isinstance(content, bytes) else content.stat().st_size
        yield entry.tobuf(tarfile.GNU_FORMAT)
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
            while piece := await asyncio.to_thread(source.read, _PIECE):
                yield piece
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
