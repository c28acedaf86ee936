"""How a node's containerd has layers, by what is in them: remembered beside Buildah's storage.

Buildah knows a layer by the digest of its uncompressed content, containerd has it as it was pulled. What is
remembered may be gone from containerd since: whoever uses it looks there first.
"""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_MOST = 20_000
"""Layers that are remembered; the oldest are forgotten first."""


class Descriptor(msgspec.Struct, frozen=True):
    """How a manifest refers to a layer."""

    digest: str
    size: int
    mediaType: str  # noqa: N815  # as it is written there


class KnownLayers:
    """The memory, in a file."""

    def __init__(self, file: Path) -> None:
        """Keep it in ``file``."""
        self._file = file

    def read(self) -> dict[str, Descriptor]:
        """Give everything, by digests of uncompressed content."""
        return read_record(self._file, dict[str, Descriptor]) or {}

    def learn(self, layers: Mapping[str, Descriptor]) -> None:
        """Remember these too."""
        known = self.read()
        if any(known.get(digest) != descriptor for digest, descriptor in layers.items()):
            newest = {**{key: one for key, one in known.items() if key not in layers}, **layers}
            write_record(self._file, dict(list(newest.items())[-_MOST:]))


def read_record(file: Path, kind: type[_T]) -> _T | None:
    """Read what ``write_record`` wrote; None when there is nothing that can be used."""
    with contextlib.suppress(OSError, ValueError):
        return msgspec.json.decode(file.read_bytes(), type=kind)
    return None


def write_record(file: Path, record: object) -> None:
    """Write a file whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(record))
    fresh.replace(file)


def read_archive(archive: Path) -> dict[str, Descriptor]:
    """Give the layers of the images in an OCI archive as they are in it.

    Raises:
        ValueError: it is none.
    """
    found: dict[str, Descriptor] = {}
    try:
        with tarfile.open(archive) as tar:
            pending = list(_document(tar, "index.json")["manifests"])
            while pending:
                inner = _blob(tar, pending.pop()["digest"])
                pending += inner.get("manifests") or []
                layers = inner.get("layers") or []
                if layers:
                    contents = _blob(tar, inner["config"]["digest"])["rootfs"]["diff_ids"]
                    found.update(zip(contents, msgspec.convert(layers, list[Descriptor]), strict=True))
    except (tarfile.TarError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"this is no archive of images: {error}") from error
    return found


def _blob(tar: tarfile.TarFile, digest: str) -> dict[str, Any]:
    try:
        return _document(tar, "blobs/" + digest.replace(":", "/"))
    except KeyError:  # an index may name platforms that are not in the archive
        return {}


def _document(tar: tarfile.TarFile, name: str) -> dict[str, Any]:
    stream = tar.extractfile(name)
    found: dict[str, Any] = msgspec.json.decode(stream.read() if stream else b"")
    return found
