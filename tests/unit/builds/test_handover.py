"""What containerd is given: by a Buildah and a containerd that only keep books."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.builds.fakes import FakePrograms, fails, says

from alcove.builds.containerd import Containerd
from alcove.builds.handover import HandOver
from alcove.builds.layers import Descriptor, KnownLayers
from alcove.builds.programs import Finished
from alcove.errors import AlcoveError

TAR = "application/vnd.oci.image.layer.v1.tar"
NAME = "docker.io/library/web:1"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class World:
    """An image in Buildah's storage, and what containerd has."""

    place: Path
    layers: list[bytes] = field(default_factory=lambda: [b"base" * 100, b"own" * 50])
    content: set[str] = field(default_factory=set)
    loses: set[str] = field(default_factory=set)
    """What containerd forgets while the image is written."""
    written: list[list[str]] = field(default_factory=list)
    """Digests of the layers that Buildah wrote, for each time."""

    def __post_init__(self) -> None:
        self.programs = FakePrograms()
        self.programs.on("content", "ls", answer=lambda _: says("\n".join(sorted(self.content))))
        self.programs.on("images", "import", answer=lambda _: self._import())
        self.known = KnownLayers(self.place / "layers.json")
        containerd = Containerd(Path("/socket"), self.programs)
        self.handover = HandOver(containerd, self.known, self.place / "layout")

    async def push(self, directory: Path) -> None:
        """Write a layout as Buildah does: what is there already is not written."""
        blobs = directory / "blobs/sha256"
        described, written = [], []
        for layer in self.layers:
            path = blobs / digest_of(layer)[7:]
            if not path.exists():
                path.write_bytes(layer)
                written.append(digest_of(layer))
            described.append({"digest": digest_of(layer), "size": path.stat().st_size, "mediaType": TAR})
        config = b'{"config": {}}'
        manifest = {"config": {"digest": digest_of(config), "size": 14}, "layers": described}
        for document in (config, json.dumps(manifest).encode()):
            (blobs / digest_of(document)[7:]).write_bytes(document)
        index = {"manifests": [{"digest": digest_of(json.dumps(manifest).encode())}]}
        (directory / "index.json").write_text(json.dumps(index))
        self.written.append(written)
        self.content -= self.loses

    def _import(self) -> Finished:
        with tarfile.open(fileobj=io.BytesIO(self.programs.received[-1])) as archive:
            names = [name for name in archive.getnames() if name.startswith("blobs/")]
            for name in names:
                stream = archive.extractfile(name)
                assert stream is not None and digest_of(stream.read()).endswith(name[13:])
        self.content |= {f"sha256:{name[13:]}" for name in names}
        return says("")

    def manifest(self) -> dict[str, object]:
        """Give the manifest in the archive that came last."""
        with tarfile.open(fileobj=io.BytesIO(self.programs.received[-1])) as archive:
            index = json.load(archive.extractfile("index.json") or io.BytesIO())
            (entry,) = index["manifests"]
            assert entry["annotations"]["io.containerd.image.name"] == NAME
            found: dict[str, object] = json.load(
                archive.extractfile("blobs/" + entry["digest"].replace(":", "/")) or io.BytesIO()
            )
            return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_first_image_is_carried_over_whole(world: World) -> None:
    assert await world.handover.give("web:1", world.push) == 550
    assert {digest_of(layer) for layer in world.layers} <= world.content
    assert not (world.place / "layout").exists()


async def test_of_a_second_image_only_what_is_new_is_written_and_carried_over(world: World) -> None:
    await world.handover.give("web:1", world.push)
    world.layers = [world.layers[0], b"newer" * 10]
    assert await world.handover.give("web:1", world.push) == 50
    assert world.written[-1] == [digest_of(b"newer" * 10)]
    assert world.manifest()["layers"] == [
        {"digest": digest_of(b"base" * 100), "size": 400, "mediaType": TAR},
        {"digest": digest_of(b"newer" * 10), "size": 50, "mediaType": TAR},
    ]


async def test_layers_of_a_base_are_named_as_containerd_has_them(world: World) -> None:
    descriptor = Descriptor("sha256:compressed", 40, f"{TAR}+gzip")
    world.known.learn({digest_of(world.layers[0]): descriptor})
    world.content = {"sha256:compressed"}
    assert await world.handover.give("web:1", world.push) == 150
    layers = world.manifest()["layers"]
    assert isinstance(layers, list)
    assert layers[0] == {"digest": "sha256:compressed", "size": 40, "mediaType": f"{TAR}+gzip"}


async def test_what_containerd_has_no_longer_is_carried_over_again(world: World) -> None:
    descriptor = Descriptor("sha256:compressed", 40, f"{TAR}+gzip")
    world.known.learn({digest_of(world.layers[0]): descriptor})
    assert await world.handover.give("web:1", world.push) == 550


async def test_what_vanishes_in_between_is_carried_over_in_a_second_attempt(world: World) -> None:
    descriptor = Descriptor("sha256:compressed", 40, f"{TAR}+gzip")
    world.known.learn({digest_of(world.layers[0]): descriptor})
    world.content = world.loses = {"sha256:compressed"}
    assert await world.handover.give("web:1", world.push) == 550
    assert len(world.written) == 2


async def test_what_containerd_says_is_told(world: World) -> None:
    world.programs.on("images", "import", answer=fails("ctr: write /x: no space left on device"))
    with pytest.raises(AlcoveError, match="disk is full"):
        await world.handover.give("web:1", world.push)
