"""Images as archives for Docker, containerd, kind and the tools of registries: the same bytes each time.

An archive is an OCI image layout with a ``manifest.json`` for Docker beside it. Blobs are made in a directory
first, since the archive names them by their digests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from alcove.errors import AlcoveError
from alcove.images.trees import Directory, Link, Node, Tree, with_parents

_CREATED = "1970-01-01T00:00:00Z"
_OCI = "application/vnd.oci.image"
_COMPRESSION = 1
"""Level 6 makes archives a seventh smaller in three times the time."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Files that are pushed and pulled together."""

    title: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image before it is written."""

    name: str
    """With its tag: ``alcove/proxy:0.1.0``."""
    architecture: str
    """As images name it: ``amd64``, ``arm64``."""
    layers: Sequence[Layer]
    """Lowest first."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """``config`` of the OCI configuration."""


@dataclass(frozen=True, slots=True)
class _Blob:
    media_type: str
    digest: str
    size: int
    diff_id: str = ""

    @property
    def path(self) -> str:
        return f"blobs/sha256/{self.digest}"

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": f"sha256:{self.digest}", "size": self.size}


def full_name(name: str) -> str:
    """Give a name with its registry, as containerd knows images: ``docker.io/alcove/proxy:0.1.0``."""
    first, slash, _ = name.partition("/")
    has_registry = slash and (set(first) & {".", ":"} or first == "localhost")
    return name if has_registry else f"docker.io/{name if slash else f'library/{name}'}"


def write_archive(path: Path, recipes: Sequence[Recipe]) -> int:
    """Write the archive of some images, whole or not at all; give its size in bytes.

    Raises:
        AlcoveError: it cannot be written, or a file of an image cannot be read.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
            made = Path(directory)
            _write_layout(made, recipes)
            archive = made / "archive.tar"
            _pack(made, archive)
            archive.replace(path)
        return path.stat().st_size
    except OSError as error:
        where = error.filename or path
        raise AlcoveError(f"cannot write {path}", cause=f"{where}: {error.strerror}") from error


def _write_layout(directory: Path, recipes: Sequence[Recipe]) -> None:
    (directory / "blobs/sha256").mkdir(parents=True)
    trees = {id(layer): layer.tree for recipe in recipes for layer in recipe.layers}  # some share layers
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        written = dict(
            zip(trees, pool.map(lambda tree: _write_layer(directory, tree), trees.values()), strict=True)
        )
    layers = [[written[id(layer)] for layer in recipe.layers] for recipe in recipes]
    manifests, docker = [], []
    for recipe, blobs in zip(recipes, layers, strict=True):
        config = _write_json(directory, f"{_OCI}.config.v1+json", _config(recipe, blobs))
        document = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": config.descriptor(),
            "layers": [blob.descriptor() for blob in blobs],
        }
        manifest = _write_json(directory, f"{_OCI}.manifest.v1+json", document)
        manifests.append({**manifest.descriptor(), **_identity(recipe)})
        docker.append({"Config": config.path, "RepoTags": [recipe.name], "Layers": [b.path for b in blobs]})
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": manifests}
    (directory / "index.json").write_bytes(_encoded(index))
    (directory / "manifest.json").write_bytes(_encoded(docker))
    (directory / "oci-layout").write_bytes(_encoded({"imageLayoutVersion": "1.0.0"}))


def _identity(recipe: Recipe) -> dict[str, Any]:
    annotations = {
        "io.containerd.image.name": full_name(recipe.name),
        "org.opencontainers.image.ref.name": recipe.name.rpartition(":")[2],
    }
    return {"annotations": annotations, "platform": {"architecture": recipe.architecture, "os": "linux"}}


def _config(recipe: Recipe, blobs: Sequence[_Blob]) -> dict[str, Any]:
    return {
        "created": _CREATED,
        "architecture": recipe.architecture,
        "os": "linux",
        "config": dict(recipe.config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{blob.diff_id}" for blob in blobs]},
        "history": [{"created": _CREATED, "created_by": f"alcove: {layer.title}"} for layer in recipe.layers],
    }


def _encoded(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _write_json(directory: Path, media_type: str, document: Any) -> _Blob:
    content = _encoded(document)
    blob = _Blob(media_type, hashlib.sha256(content).hexdigest(), len(content))
    (directory / blob.path).write_bytes(content)
    return blob


def _write_layer(directory: Path, tree: Tree) -> _Blob:
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
        outer = _Digesting(cast("BinaryIO", file))
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=cast("IO[bytes]", outer), mtime=0
        ) as zipped:
            inner = _Digesting(cast("BinaryIO", zipped))
            write_tree(cast("IO[bytes]", inner), tree)
    blob = _Blob(f"{_OCI}.layer.v1.tar+gzip", outer.digest.hexdigest(), outer.size, inner.digest.hexdigest())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(directory / blob.path)
    return blob


def write_tree(stream: IO[bytes], tree: Tree) -> None:
    """Write a tree as a tar file: in the order of its paths, owned by root, without times."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 16) as archive:
        for path, node in with_parents(tree).items():
            _add(archive, path, node)


def _add(archive: tarfile.TarFile, path: str, node: Node) -> None:
    entry = tarfile.TarInfo(path)
    if isinstance(node, Directory):
        entry.type, entry.mode = tarfile.DIRTYPE, node.mode
        archive.addfile(entry)
    elif isinstance(node, Link):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, node.target
        archive.addfile(entry)
    else:
        entry.mode = node.mode
        with (
            io.BytesIO(node.content) if isinstance(node.content, bytes) else node.content.open("rb") as source
        ):
            entry.size = source.seek(0, io.SEEK_END)
            source.seek(0)
            archive.addfile(entry, source)


def _pack(directory: Path, target: Path) -> None:
    """Put the files of a layout into a tar file; what says what it is comes first."""
    names = ["oci-layout", "index.json", "manifest.json"]
    names += sorted(f"blobs/sha256/{path.name}" for path in (directory / "blobs/sha256").iterdir())
    with (
        target.open("wb") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in ("blobs", "blobs/sha256"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name in names:
            with (directory / name).open("rb") as file:
                entry = tarfile.TarInfo(name)
                entry.size = file.seek(0, io.SEEK_END)
                file.seek(0)
                archive.addfile(entry, file)


class _Digesting:
    """A stream that knows the digest of what went through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._stream = stream

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self._stream.write(content)

    def flush(self) -> None:
        self._stream.flush()
