"""The trees that sessions are, were built from, or have in their containers.

A save must not cost what the tree costs: of a tree that came as changes only the changes are written, beside
the name of the tree they are for. After some hundreds of them the whole is written once. The trees in use
stay in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

from alcove.sync.encoding import decode_changes, encode_changes
from alcove.sync.errors import StoreFullError, SyncError
from alcove.sync.manifest import Changes, Manifest, with_changes
from alcove.sync.store import Store

_REMEMBERED = 16
_LONGEST_CHAIN = 400
_ID_LENGTH = 64


class ManifestBook:
    """Trees by their ids."""

    def __init__(self, store: Store, directory: Path) -> None:
        """Keep whole trees in ``store`` and changes in ``directory``."""
        self.store = store
        self._directory = directory
        self._memory: OrderedDict[str, Manifest] = OrderedDict()
        self._chains: dict[str, int] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def read(self, manifest_id: str) -> Manifest | None:
        """Give a tree; None when it is not known (any more)."""
        found = self._memory.get(manifest_id)
        if found is None and (found := self._load(manifest_id)) is not None:
            self._remember(found)
        elif found is not None:
            self._memory.move_to_end(manifest_id)
        return found

    async def add(self, manifest: Manifest) -> None:
        """Keep a tree.

        Raises:
            StoreFullError: there is no room for it.
        """
        await asyncio.to_thread(self.store.write_manifest, manifest)
        self._chains[manifest.id] = 0
        self._remember(manifest)

    async def add_changed(self, base: Manifest, changes: Changes, manifest: Manifest) -> None:
        """Keep a tree that ``changes`` make of ``base``, which is kept.

        Raises:
            StoreFullError: there is no room for it.
        """
        if self._is_kept(manifest.id):
            # A tree that was there before must not become a step towards itself.
            self._remember(manifest)
            return
        length = self._chains.get(base.id, _LONGEST_CHAIN) + 1
        if length > _LONGEST_CHAIN:
            await self.add(manifest)
            return
        content = base.id.encode() + encode_changes(changes)
        try:
            fresh = self._directory / f".{manifest.id}"
            fresh.write_bytes(content)
            fresh.replace(self._path(manifest.id))
        except OSError as error:
            raise StoreFullError(
                "the hub's store cannot be written", cause=os.strerror(error.errno or 0)
            ) from error
        self._chains[manifest.id] = length
        self._remember(manifest)

    def collect(self, keep: Iterable[str]) -> None:
        """Drop every tree and content that none of the trees in ``keep`` needs."""
        self.store.collect(self.forget(keep))

    def forget(self, keep: Iterable[str]) -> list[Manifest]:
        """Know no other trees any more than those in ``keep``; give what the store has to hold for them."""
        names = {name for name in keep if self.read(name) is not None}
        kept = [found for name in names if (found := self.read(name)) is not None]
        needed = set(names)
        for name in names:
            needed.update(self._bases(name))
        kept += [base for name in needed - names if (base := self.store.read_manifest(name)) is not None]
        for path in self._directory.iterdir():
            if path.name not in needed:
                path.unlink(missing_ok=True)
        # What is dropped must not be taken for a base any more: its contents are gone.
        for forgotten in [name for name in self._memory if name not in names]:
            del self._memory[forgotten]
        self._chains = {name: length for name, length in self._chains.items() if name in self._memory}
        return kept

    def _bases(self, manifest_id: str) -> Iterator[str]:
        """Yield the trees that one is kept as changes of, down to a whole one."""
        seen = {manifest_id}
        while self.store.read_manifest(manifest_id) is None:
            step = self._step(manifest_id)
            if step is None or step[0] in seen:
                return
            manifest_id = step[0]
            seen.add(manifest_id)
            yield manifest_id

    def _is_kept(self, manifest_id: str) -> bool:
        return manifest_id in self.store.manifests or self._path(manifest_id).exists()

    def _load(self, manifest_id: str) -> Manifest | None:
        steps: list[Changes] = []
        current = manifest_id
        while len(steps) <= _LONGEST_CHAIN:
            found = self._memory.get(current) or self.store.read_manifest(current)
            if found is not None:
                # Trees that were made of the same one share its entries, and so compare quickly.
                self._remember(found)
                return self._build(found, reversed(steps), manifest_id)
            step = self._step(current)
            if step is None:
                return None
            current = step[0]
            steps.append(step[1])
        return None

    def _build(self, manifest: Manifest, steps: Iterable[Changes], wanted: str) -> Manifest | None:
        length = self._chains.get(manifest.id, 0)
        try:
            for changes in steps:
                manifest = with_changes(manifest, changes)
                length += 1
        except SyncError:
            return None
        self._chains[wanted] = length
        return manifest if manifest.id == wanted else None

    def _step(self, manifest_id: str) -> tuple[str, Changes] | None:
        with contextlib.suppress(OSError, SyncError, ValueError):
            content = self._path(manifest_id).read_bytes()
            return content[:_ID_LENGTH].decode("ascii"), decode_changes(content[_ID_LENGTH:])
        return None

    def _remember(self, manifest: Manifest) -> None:
        self._memory[manifest.id] = manifest
        self._memory.move_to_end(manifest.id)
        while len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)

    def _path(self, manifest_id: str) -> Path:
        # Ids come from clients: nothing but their digits may name a file.
        if len(manifest_id) != _ID_LENGTH or not manifest_id.isalnum():
            return self._directory / ".none"
        return self._directory / manifest_id
