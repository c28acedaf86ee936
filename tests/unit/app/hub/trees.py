"""Small source trees, with their contents in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from alcove.app.hub.manifests import ManifestBook
from alcove.sync.manifest import Entry, File, Manifest, with_parents
from alcove.sync.store import Store

CHART = {
    "charts/web/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "charts/web/values.yaml": b"",
}
SOURCES = {
    "azds.yaml": b"kind: helm-release\n",
    "Dockerfile": b"FROM python\n",
    "app.py": b"print(1)\n",
    "static/index.html": b"<p>1</p>\n",
    **CHART,
}


def open_book(directory: Path, *, limit: int = 1 << 20) -> ManifestBook:
    return ManifestBook(Store(directory / "blobs", limit), directory / "changes")


def file_of(content: bytes, mode: int = 0o644) -> File:
    return File(hashlib.sha256(content).hexdigest(), len(content), mode)


def tree_of(files: Mapping[str, bytes], more: Mapping[str, Entry] | None = None) -> Manifest:
    """Give the tree of files, whose contents are nowhere yet."""
    entries = {path: file_of(content) for path, content in files.items()}
    return Manifest(with_parents({**entries, **(more or {})}))


def keep(store: Store, files: Mapping[str, bytes]) -> Manifest:
    """Give the tree of files, with their contents in the store."""
    for content in files.values():
        if store.missing([file_of(content).digest]):
            store.write(file_of(content).digest, [content])
    return tree_of(files)
