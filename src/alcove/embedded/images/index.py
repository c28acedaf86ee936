"""Which images there are and which layers: one JSON file, replaced as a whole, and directories beside it.

::

    index.json     names -> image -> layers, configuration; when each layer was last used
    layers/<name>  a layer; its name says what is in it (a diff id, or what it was built from)
    tmp/           layers that are being made

The file may be changed by another process at any time (``alcove`` loads an image while the cluster runs):
it is read again when it has changed, and changed only under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alcove.embedded.images.retention import SpareLayer
from alcove.embedded.ports import Image, ImageConfig
from alcove.errors import AlcoveError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One image as the index keeps it; ``layers`` are names of directories."""

    id: str
    layers: tuple[str, ...]
    machine_trees: tuple[str, ...]
    config: ImageConfig
    stand_in: bool = False


@dataclass(slots=True)
class Contents:
    """What the index says."""

    images: dict[str, Entry] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Normalised reference -> image id."""
    used: dict[str, float] = field(default_factory=dict)
    """Layer -> when it was last made or reused (Unix time)."""
    named: dict[str, float] = field(default_factory=dict)
    """Normalised reference -> when an image got it (Unix time)."""


class ImageIndex:
    """The images and layers below one directory."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        """Keep everything below ``directory``, made at the first write; ``clock`` gives Unix time."""
        self._directory = directory
        self._file = directory / "index.json"
        self._clock = clock
        self._read: tuple[tuple[int, int], Contents] | None = None
        self._sizes: dict[str, int] = {}

    def layer(self, name: str) -> Path:
        """Give where the layer of this name is, or would be."""
        return self._directory / "layers" / name

    def contents(self) -> Contents:
        """Give what the index says now; not to be changed.

        Raises:
            AlcoveError: the file is damaged.
        """
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            read = self._read  # another thread may replace it
            if read is None or read[0] != stamp:
                read = self._read = stamp, self._parse()
            return read[1]
        except FileNotFoundError:
            return Contents()

    def _parse(self) -> Contents:
        try:
            return _decoded(json.loads(self._file.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AlcoveError(
                f"the index of images is damaged: {self._file}",
                cause=str(error),
                hint="remove it, then load and build the images again",
            ) from error

    def image(self, name: str, entry: Entry) -> Image:
        """Give an entry as the image that it is."""
        layers = tuple(self.layer(layer) for layer in entry.layers)
        return Image(name, entry.id, layers, entry.machine_trees, entry.config, entry.stand_in)

    def put(self, entry: Entry, names: Collection[str]) -> None:
        """Add an image under these names, which another one may have had."""
        with self._changing() as contents:
            contents.images[entry.id] = entry
            contents.names.update(dict.fromkeys(names, entry.id))
            contents.named.update(dict.fromkeys(names, self._clock()))
            _drop_nameless(contents)

    def drop(self, name: str) -> bool:
        """Take a name away, and its image when that was the last one; tell whether there was such a name."""
        with self._changing() as contents:
            known = contents.names.pop(name, None) is not None
            contents.named.pop(name, None)
            _drop_nameless(contents)
        return known

    def forget(self, choose: Callable[[Mapping[str, float]], Collection[str]]) -> list[str]:
        """Drop the names that ``choose`` picks of all and the times they were given; give these names."""
        contents = self.contents()
        if not choose({name: contents.named.get(name, 0.0) for name in contents.names}):
            return []
        with self._changing() as contents:
            gone = list(choose({name: contents.named.get(name, 0.0) for name in contents.names}))
            for name in gone:
                contents.names.pop(name)
                contents.named.pop(name, None)
            _drop_nameless(contents)
        return gone

    @contextlib.contextmanager
    def new_layer(self) -> Iterator[Path]:
        """Give an empty directory for a layer in the making; what is not kept of it goes with the block."""
        tmp = self._directory / "tmp"
        tmp.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=tmp))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def keep_layer(self, made: Path, name: str) -> None:
        """Give a finished directory its place under this name; another of that name stays instead."""
        place = self.layer(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        with self._changing() as contents:
            contents.used[name] = self._clock()
            if not place.exists():
                made.rename(place)

    def reuse_layer(self, name: str) -> bool:
        """Tell whether there is such a layer, and if so keep it from being collected soon."""
        if not self.layer(name).is_dir():
            return False
        with self._changing() as contents:
            contents.used[name] = self._clock()
        return self.layer(name).is_dir()

    def collect(
        self, choose: Callable[[Sequence[SpareLayer]], Collection[str]], *, in_use: Collection[Path] = ()
    ) -> list[str]:
        """Remove the layers that ``choose`` picks of those that no image has; give their names.

        ``in_use`` are layers of running containers, which stay. What a killed process left half made goes.
        """
        with self._changing() as contents:
            kept = {layer for entry in contents.images.values() for layer in entry.layers}
            directory = self._directory / "layers"
            spare = [
                SpareLayer(path.name, contents.used.get(path.name, 0.0), self._size(path))
                for path in (sorted(directory.iterdir()) if directory.is_dir() else ())
                if path.name not in kept and path not in in_use
            ]
            gone = list(choose(spare))
            for name in gone:
                contents.used.pop(name, None)
                self._sizes.pop(name, None)
                (directory / name).rename(self._directory / "tmp" / f"0-{name}")
        for leftover in (self._directory / "tmp").iterdir():
            if not Path("/proc", leftover.name.partition("-")[0]).exists():
                shutil.rmtree(leftover, ignore_errors=True)
        return gone

    def _size(self, layer: Path) -> int:
        """Give the bytes that a layer takes on disk; layers do not change."""
        if layer.name not in self._sizes:
            self._sizes[layer.name] = _disk_use(layer)
        return self._sizes[layer.name]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Contents]:
        (self._directory / "tmp").mkdir(parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            contents = self._parse() if self._file.exists() else Contents()
            yield contents
            new = self._directory / "index.json.new"
            with new.open("w") as file:
                json.dump(_encoded(contents), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
            self._read = None


def _disk_use(directory: Path) -> int:
    total = 0
    for where, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(where, name).lstat().st_blocks * 512
    return total


def _drop_nameless(contents: Contents) -> None:
    named = set(contents.names.values())
    for image_id in [image_id for image_id in contents.images if image_id not in named]:
        del contents.images[image_id]


def _encoded(contents: Contents) -> dict[str, Any]:
    images = [asdict(entry) for entry in contents.images.values()]
    return {
        "version": _VERSION,
        "images": images,
        "names": contents.names,
        "used": contents.used,
        "named": contents.named,
    }


def _decoded(document: Any) -> Contents:
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']} is not {_VERSION}")
    entries = [_entry(value) for value in document["images"]]
    names = {str(name): str(image_id) for name, image_id in document["names"].items()}
    used = {str(name): float(when) for name, when in document["used"].items()}
    named = {str(name): float(when) for name, when in document.get("named", {}).items()}
    images = {entry.id: entry for entry in entries}
    if missing := set(names.values()) - set(images):
        raise ValueError(f"no image {sorted(missing)[0]}")
    return Contents(images, names, used, named)


def _entry(value: dict[str, Any]) -> Entry:
    config = value["config"]
    listed = {name: tuple(config[name]) for name in ("entrypoint", "command", "ports")}
    return Entry(
        id=value["id"],
        layers=tuple(value["layers"]),
        machine_trees=tuple(value["machine_trees"]),
        config=ImageConfig(**{**config, **listed}),
        stand_in=value["stand_in"],
    )
