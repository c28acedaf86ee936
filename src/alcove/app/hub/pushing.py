"""Trees and contents that come in from a workstation.

Whatever was received stays: a transfer that breaks is gone on with, since the next one is asked only for what
is still missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from alcove.app.hub.manifests import ManifestBook
from alcove.sessions.calls import Push, Wanted
from alcove.sessions.wire import Wire
from alcove.sync.encoding import decode_changes, decode_manifest
from alcove.sync.errors import SyncError
from alcove.sync.manifest import Manifest, with_changes
from alcove.sync.uploading import Receiver

LARGEST_MANIFEST = 256 << 20
_SMALL = 64 << 10
_ROUNDS = 5
"""How often contents are asked for: files may have changed while they were read."""


async def receive_push(wire: Wire, push: Push, book: ManifestBook, sending: asyncio.Lock) -> Manifest:
    """Give the tree that a workstation pushes, when all of it is here.

    Raises:
        SyncError: what came is no tree, or its contents do not come.
        StoreFullError: there is no room for it.
        LostError: the connection ended.
    """
    encoded = await wire.receive_all(LARGEST_MANIFEST)
    base = book.read(push.base) if push.base else None
    if push.base and base is None:
        raise SyncError(f"the tree {push.base[:12]} is not known here")
    if base is None:
        manifest = await asyncio.to_thread(decode_manifest, encoded)
        needed = manifest.digests
    else:
        changes = decode_changes(encoded)
        manifest, needed = with_changes(base, changes), changes.digests
    if manifest.id != push.manifest:
        raise SyncError("the tree that came is not the one that was announced")
    if push.inline:
        await _receive(wire, needed, book)
    await _receive_missing(wire, needed, book, sending)
    if base is None:
        await book.add(manifest)
    else:
        await book.add_changed(base, changes, manifest)
    return manifest


async def _receive_missing(
    wire: Wire, needed: Mapping[str, int], book: ManifestBook, sending: asyncio.Lock
) -> None:
    for _ in range(_ROUNDS):
        missing = book.store.missing(needed)
        if not missing:
            return
        async with sending:
            await wire.send(Wanted(len(missing)))
            await wire.send_bytes([b"".join(map(bytes.fromhex, missing))])
        await _receive(wire, {digest: needed[digest] for digest in missing}, book)
    raise SyncError(
        "the contents of some files did not come",
        cause=f"{len(book.store.missing(needed))} files change faster than they are read",
        hint="let whatever writes them finish, or leave them out with build.ignore",
    )


async def _receive(wire: Wire, expected: Mapping[str, int], book: ManifestBook) -> None:
    """Store what comes up to the mark.

    Disks may be slow and files large: what is big is not written on the loop. The row is read to its end even
    when it cannot be stored, so that the connection stays usable.
    """
    failure: SyncError | None = None
    with Receiver(book.store, expected) as receiver:
        async for chunk in wire.receive_bytes():
            if failure is not None:
                continue
            try:
                if len(chunk) > _SMALL:
                    await asyncio.to_thread(receiver.add, chunk)
                else:
                    receiver.add(chunk)
            except SyncError as error:
                failure = error
    if failure is not None:
        raise failure
