"""A project's tree on its way to the hub: all of it at first, then what each save changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from alcove.app.up.projects import LocalProject
from alcove.errors import AlcoveError
from alcove.sessions import calls
from alcove.sessions.wire import Wire
from alcove.sync import scanning, synclog, uploading
from alcove.sync.encoding import encode_changes, encode_manifest
from alcove.sync.errors import SyncError
from alcove.sync.looking import Progress
from alcove.sync.manifest import Changes, Manifest, diff
from alcove.sync.scanning import Rescan, Scan

_INLINE_BYTES = 256 << 10
"""Contents up to this size go along with the tree instead of being asked for."""
_DIGEST = 32
_LARGEST_WANTED = 64 << 20


class RefusedError(AlcoveError):
    """The hub does not take a tree."""

    def __init__(self, told: calls.Refused) -> None:
        """Say what the hub said."""
        super().__init__(told.message, cause=told.cause, hint=told.hint)
        self.whole = told.whole


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did."""

    changes: Changes | None
    """None when the whole tree was compared."""
    contents: int
    """How many contents were sent."""
    seconds: float


class Pusher:
    """The workstation's half of what one project synchronizes."""

    def __init__(self, project: LocalProject, *, log_directory: Path | None = None) -> None:
        """Push what ``project`` selects; ``log_directory`` keeps the sync log, else the system's."""
        self.project = project
        self._log_directory = log_directory
        self.scan = Scan()
        self.committed: Manifest | None = None
        """What the hub is known to have."""
        self._synchronization = ""
        self._synced_at = 0.0
        self._logged: Scan | None = None
        self._replies: asyncio.Queue[calls.Told | bytes] = asyncio.Queue()

    @property
    def is_committed(self) -> bool:
        """Whether the hub has the tree as it was last looked at."""
        return self.committed is not None and self.committed.id == self.scan.manifest.id

    async def look(self, tell: Callable[[Progress], None] = lambda _: None) -> str:
        """Look at every file once; give what is to be said about the sync log."""
        read = synclog.read_log(self.project.directory, self._log_directory)
        known = read.log.known if read.log else None
        self.scan = await asyncio.to_thread(scanning.scan, self.project.selection, known, tell=tell)
        return read.said

    async def look_again(self, paths: Iterable[str], whole: Iterable[str] = ()) -> Rescan:
        """Look at what may have changed."""
        found = await asyncio.to_thread(
            scanning.update_manifest, self.scan, self.project.selection, tuple(paths), whole=tuple(whole)
        )
        self.scan = found.scan
        return found

    def hear(self, told: calls.Told | bytes) -> None:
        """Take what the hub answers to a push (whoever reads the connection hands it on)."""
        self._replies.put_nowait(told)

    async def push(self, wire: Wire, hub_has: str = "", *, whole: bool = False) -> Pushed:
        """Send the tree as it was last looked at, and what the hub lacks of it.

        Args:
            wire: the call.
            hub_has: the id of the tree that the session has, where it is known.
            whole: the tree and not its changes are to be sent.

        Raises:
            RefusedError: the hub does not take it.
            ChangedFileError: a file changed meanwhile; look at it again and push anew.
            LostError: the connection ended.
        """
        began, manifest = time.monotonic(), self.scan.manifest
        # What a call that broke was answered is not an answer to this.
        self._replies = asyncio.Queue()
        base = None if whole else self._base(manifest, hub_has)
        changes = diff(base, manifest) if base is not None else None
        inline = changes is not None and sum(changes.digests.values()) <= _INLINE_BYTES
        await wire.send(calls.Push(manifest.id, base.id if base else "", inline))
        encoded = encode_changes(changes) if changes is not None else await _encode(manifest)
        await wire.send_bytes([encoded])
        sent = 0
        if inline and changes is not None:
            # What was written is enough: to look for it in the whole tree costs what the tree costs.
            sent += await self._send(wire, Manifest(changes.written), changes.digests)
        sent += await self._answer(wire, manifest)
        self.committed = manifest
        return Pushed(changes, sent, time.monotonic() - began)

    def write_log(self) -> None:
        """Remember what both sides have, if it is the same and was not written yet; it may take a moment."""
        scan = self.scan
        if not self.is_committed or scan is self._logged:
            return
        self._logged = scan
        log = synclog.make_log(
            self.project.directory,
            scan,
            synchronization_id=self._synchronization,
            synced_ns=int(self._synced_at * 1e9),
        )
        with contextlib.suppress(SyncError):
            synclog.write_log(log, self._log_directory)

    def _base(self, manifest: Manifest, hub_has: str) -> Manifest | None:
        return manifest if hub_has == manifest.id else self.committed

    async def _answer(self, wire: Wire, manifest: Manifest) -> int:
        """Send what is asked for until the tree is taken; give how many contents that were."""
        sent = 0
        while True:
            told = await self._replies.get()
            match told:
                case calls.Committed():
                    self._synchronization = told.synchronization
                    self._synced_at = told.synchronized_at
                    return sent
                case calls.Refused():
                    raise RefusedError(told)
                case bytes():
                    digests = [
                        told[at : at + _DIGEST].hex() for at in range(0, len(told) - _DIGEST + 1, _DIGEST)
                    ]
                    sent += await self._send(wire, manifest, digests)
                case _:
                    continue

    async def _send(self, wire: Wire, manifest: Manifest, digests: Iterable[str]) -> int:
        wanted = tuple(digests)
        pieces = uploading.pack(uploading.read_blobs(manifest, wanted, self.project.selection.absolute))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await wire.send_chunk(piece)
        await wire.send_mark()
        return len(wanted)


async def read_wanted(wire: Wire) -> bytes:
    """Read the digests that follow ``Wanted``."""
    return await wire.receive_all(_LARGEST_WANTED)


async def _encode(manifest: Manifest) -> bytes:
    return await asyncio.to_thread(encode_manifest, manifest)
