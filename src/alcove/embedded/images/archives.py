"""Images in tar files, as ``docker save`` and OCI image layouts have them."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from alcove.embedded.images import unpacking
from alcove.embedded.images.index import Entry, ImageIndex
from alcove.embedded.images.references import normalise, parse_reference
from alcove.embedded.ports import ImageConfig, ImageError
from alcove.errors import AlcoveError

_MAX_DOCUMENT = 8 * 1024**2
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_FOREIGN = (*unpacking.DAMAGE, AttributeError, TypeError, UnicodeDecodeError)


class Found(NamedTuple):
    """One image of an archive: its entry, and the names that the archive gives it."""

    entry: Entry
    names: tuple[str, ...]


def architecture() -> str:
    """Name this machine's architecture as images do."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def read_archive(path: Path, index: ImageIndex) -> list[Found]:
    """Unpack the layers of an archive into ``index`` and give its images, which are not in the index yet.

    Raises:
        AlcoveError: it is no image archive, is damaged, or is for another architecture.
    """
    try:
        with _plain(path, index) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            return _Reading(archive, index).images()
    except AlcoveError as error:
        cause = str(error)
        raise AlcoveError(f"cannot load images of {path}", cause=cause, hint=error.hint) from error
    except ImageError as error:
        raise AlcoveError(f"cannot load images of {path}", cause=str(error)) from error
    except (*_FOREIGN, OSError) as error:
        raise AlcoveError(
            f"cannot load images of {path}",
            cause=f"it is damaged or no image archive ({type(error).__name__}: {error})",
            hint="make one with: docker save -o FILE IMAGE",
        ) from error


@contextmanager
def _plain(path: Path, index: ImageIndex) -> Iterator[BinaryIO]:
    """Give the archive uncompressed and seekable."""
    with path.open("rb") as file:
        plain = unpacking.open_compressed(file)
        if plain is file:
            yield file
            return
        with index.new_layer() as made, tempfile.TemporaryFile(dir=made) as unpacked:
            unpacking.copy_bounded(plain, unpacked)
            unpacked.seek(0)
            yield cast("BinaryIO", unpacked)


class _Reading:
    def __init__(self, archive: tarfile.TarFile, index: ImageIndex) -> None:
        self._archive = archive
        self._index = index
        self._members = {member.name.removeprefix("./"): member for member in archive}

    def images(self) -> list[Found]:
        if "manifest.json" in self._members:
            return [self._docker(entry) for entry in self._json("manifest.json")]
        if "index.json" in self._members:
            return [self._oci(entry) for entry in self._manifests(self._json("index.json"))]
        raise AlcoveError("it has neither manifest.json nor index.json")

    def _docker(self, manifest: dict[str, Any]) -> Found:
        names = tuple(normalise(name) for name in manifest.get("RepoTags") or ())
        return Found(self._entry(str(manifest["Config"]), [str(name) for name in manifest["Layers"]]), names)

    def _manifests(self, index: dict[str, Any], depth: int = 0) -> list[dict[str, Any]]:
        """Give the descriptors of image manifests for this machine, those of nested indexes included."""
        result = []
        for entry in index["manifests"]:
            wanted = (entry.get("platform") or {}).get("architecture", architecture())
            if "index" in entry.get("mediaType", "") or "list" in entry.get("mediaType", ""):
                if depth > 4:
                    raise AlcoveError("its indexes are nested too deeply")
                inner = self._manifests(self._json(_blob(entry["digest"])), depth + 1)
                outer = entry.get("annotations") or {}
                result += [
                    {**one, "annotations": {**outer, **(one.get("annotations") or {})}} for one in inner
                ]
            elif wanted == architecture():
                result.append(entry)
        if not result and depth == 0:
            raise AlcoveError(f"it has no image for {architecture()}")
        return result

    def _oci(self, descriptor: dict[str, Any]) -> Found:
        manifest = self._json(_blob(descriptor["digest"]))
        layers = [_blob(layer["digest"]) for layer in manifest["layers"]]
        entry = self._entry(_blob(manifest["config"]["digest"]), layers)
        annotations = descriptor.get("annotations") or {}
        name = annotations.get("io.containerd.image.name") or annotations.get(
            "org.opencontainers.image.ref.name"
        )
        if not name or not ("/" in name or ":" in name):  # a bare tag names no image
            return Found(entry, ())
        reference = parse_reference(name)
        return Found(entry, (str(reference), f"{reference.name}@{descriptor['digest']}"))

    def _entry(self, config_name: str, layers: list[str]) -> Entry:
        content = self._bytes(config_name)
        document = json.loads(content)
        built_for = document.get("architecture") or architecture()
        if built_for != architecture():
            raise AlcoveError(f"it is for {built_for}, and this machine is {architecture()}")
        diff_ids = document["rootfs"]["diff_ids"]
        if len(diff_ids) != len(layers):
            raise AlcoveError(f"its configuration names {len(diff_ids)} layers, and it has {len(layers)}")
        names = tuple(self._layer(layer, diff_id) for layer, diff_id in zip(layers, diff_ids, strict=True))
        image_id = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return Entry(image_id, names, (), config_of(document.get("config") or {}))

    def _layer(self, member: str, diff_id: str) -> str:
        name = layer_name(diff_id)
        if self._index.reuse_layer(name):
            return name
        with self._index.new_layer() as made:
            target = made / "layer"
            target.mkdir()
            actual = unpacking.unpack(self._open(member), target, whiteouts=True)
            if actual != diff_id:
                raise AlcoveError(f"layer {member} is damaged: its digest is {actual}, not {diff_id}")
            self._index.keep_layer(target, name)
        return name

    def _open(self, name: str) -> BinaryIO:
        member = self._members.get(name)
        opened = self._archive.extractfile(member) if member is not None else None
        if opened is None:
            raise AlcoveError(f"it lacks {name}")
        return cast("BinaryIO", opened)

    def _bytes(self, name: str) -> bytes:
        content = self._open(name).read(_MAX_DOCUMENT + 1)
        if len(content) > _MAX_DOCUMENT:
            raise AlcoveError(f"{name} is larger than {_MAX_DOCUMENT} bytes")
        digest = name.rpartition("/")[2]
        if name.startswith("blobs/sha256/") and hashlib.sha256(content).hexdigest() != digest:
            raise AlcoveError(f"{name} is damaged: it has another digest")
        return content

    def _json(self, name: str) -> Any:
        return json.load(io.BytesIO(self._bytes(name)))


def _blob(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def layer_name(diff_id: str) -> str:
    """Name the directory of a layer by its diff id; AlcoveError when that is none."""
    algorithm, _, value = diff_id.partition(":")
    if algorithm != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise AlcoveError(f"{diff_id[:100]!r} is no diff id")
    return value


def config_of(document: dict[str, Any]) -> ImageConfig:
    """Read how an image wants to be run from the ``config`` of its OCI configuration."""
    pairs = [str(pair).partition("=") for pair in document.get("Env") or ()]
    return ImageConfig(
        environment={name: value for name, _, value in pairs},
        entrypoint=_texts(document.get("Entrypoint")),
        command=_texts(document.get("Cmd")),
        directory=str(document.get("WorkingDir") or "/"),
        user=str(document.get("User") or ""),
        ports=tuple(str(port) for port in document.get("ExposedPorts") or ()),
        labels={str(name): str(value) for name, value in (document.get("Labels") or {}).items()},
        stop_signal=str(document.get("StopSignal") or ""),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value or ())
