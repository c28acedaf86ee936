"""Contents on their way to the store: many small ones in one compressed piece, large ones in many pieces.

::

    piece   = kind(1) length(4) raw length(4) bytes          kind 0: the end, 1: as they are, 2: zlib
    pieces' bytes, one after the other = { digest(32) size(8) content }*

A piece is at most a mebibyte, decompressed too. What does not get smaller is not compressed. There is no
resume inside of a content: whoever is cut off asks the store again for what is missing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from alcove.sync import hashing
from alcove.sync.encoding import inflate
from alcove.sync.errors import SyncError
from alcove.sync.manifest import File, Manifest
from alcove.sync.store import Draft, Store

LARGEST_PIECE = 1 << 20
_PIECE = 1 << 18
_SAMPLE = 1 << 14
_HEADER = struct.Struct(">BII")
_BLOB = struct.Struct(">32sQ")
_END, _RAW, _ZLIB = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Blob:
    """A content that is to be sent; ``chunks`` give exactly ``size`` bytes."""

    digest: str
    size: int
    chunks: Iterable[bytes]


class ChangedFileError(SyncError):
    """A file is not any more what the manifest says: look at ``path`` again and begin anew."""

    def __init__(self, path: str) -> None:
        """Say which."""
        super().__init__(f"{path} changed before it was sent")
        self.path = path


def read_blobs(manifest: Manifest, digests: Iterable[str], place_of: Callable[[str], str]) -> Iterator[Blob]:
    """Give contents from the workstation's files, small ones first: less has to be sent again.

    ``place_of`` gives the place of a path of the manifest.

    Raises:
        ChangedFileError: a file is not any more what the manifest says (from the chunks, too).
    """
    wanted = set(digests)
    places = {
        one.digest: (path, one.size)
        for path, one in manifest.entries.items()
        if type(one) is File and one.digest in wanted
    }
    for digest, (path, size) in sorted(places.items(), key=lambda one: one[1][1]):
        yield Blob(digest, size, _read(path, place_of(path), digest, size))


def _read(path: str, place: str, digest: str, size: int) -> Iterator[bytes]:
    try:
        yield from hashing.read_file(place, digest, size)
    except (OSError, hashing.ChangingError) as error:
        raise ChangedFileError(path) from error


def pack(blobs: Iterable[Blob]) -> Iterator[bytes]:
    """Give the bytes that carry contents; send them in any portions.

    Raises:
        SyncError: a blob has not the size that it says.
    """
    waiting = bytearray()
    for blob in blobs:
        waiting += _BLOB.pack(bytes.fromhex(blob.digest), blob.size)
        left = blob.size
        for chunk in blob.chunks:
            left -= len(chunk)
            if left < 0:
                break
            waiting += chunk
            while len(waiting) >= _PIECE:
                yield _piece(bytes(waiting[:_PIECE]))
                del waiting[:_PIECE]
        if left:
            raise SyncError(f"the content {blob.digest[:12]} has not the size that was announced")
    if waiting:
        yield _piece(bytes(waiting))
    yield _HEADER.pack(_END, 0, 0)


def _piece(content: bytes) -> bytes:
    sample = content[:_SAMPLE]
    if len(zlib.compress(sample, 1)) < len(sample) * 0.9:
        compressed = zlib.compress(content, 1)
        return _HEADER.pack(_ZLIB, len(compressed), len(content)) + compressed
    return _HEADER.pack(_RAW, len(content), len(content)) + content


@dataclass(frozen=True, slots=True)
class Begun:
    """A content begins."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """The next bytes of the content that began last."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The content is complete, as far as its size says; whether it is the right one, its digest says."""

    digest: str


Unpacked = Begun | Part | Ended


class Unpacker:
    """Reads packed contents: bytes in, events out; nothing waits in memory but one piece."""

    def __init__(self, expected: Mapping[str, int]) -> None:
        """Accept the contents of these digests and sizes, and no others."""
        self._expected = expected
        self._pieces = bytearray()
        self._records = bytearray()
        self._digest = ""
        self._left = 0
        self.ended = False
        """Whether the end was received."""

    def receive(self, received: bytes) -> list[Unpacked]:
        """Take bytes as they come.

        Raises:
            SyncError: they are not what ``pack`` makes, or hold what was not asked for.
        """
        if self.ended and received:
            raise SyncError("an upload goes on after its end")
        self._pieces += received
        events: list[Unpacked] = []
        while (content := self._next_piece()) is not None:
            self._records += content
            self._read_records(events)
        return events

    def _next_piece(self) -> bytes | None:
        if self.ended or len(self._pieces) < _HEADER.size:
            return None
        kind, length, raw = _HEADER.unpack_from(self._pieces)
        if kind == _END and length == raw == 0:
            self._end()
            return None
        if (
            kind not in (_RAW, _ZLIB)
            or not 0 < raw <= LARGEST_PIECE
            or not 0 < length <= LARGEST_PIECE + 1024
        ):
            raise SyncError("an upload is damaged", cause="a piece has an impossible header")
        if len(self._pieces) < _HEADER.size + length:
            return None
        content = bytes(self._pieces[_HEADER.size : _HEADER.size + length])
        del self._pieces[: _HEADER.size + length]
        if kind == _ZLIB:
            content = inflate(content, raw)
        if len(content) != raw:
            raise SyncError("an upload is damaged", cause="a piece is not as long as it says")
        return content

    def _end(self) -> None:
        if self._digest or self._records or len(self._pieces) != _HEADER.size:
            raise SyncError("an upload is damaged", cause="it ends in the middle of a content")
        self._pieces.clear()
        self.ended = True

    def _read_records(self, events: list[Unpacked]) -> None:
        while self._records:
            if not self._digest:
                if len(self._records) < _BLOB.size:
                    return
                self._begin(events)
            taken = bytes(self._records[: self._left])
            if taken:
                del self._records[: len(taken)]
                self._left -= len(taken)
                events.append(Part(taken))
            if not self._left:
                events.append(Ended(self._digest))
                self._digest = ""

    def _begin(self, events: list[Unpacked]) -> None:
        raw, size = _BLOB.unpack_from(self._records)
        del self._records[: _BLOB.size]
        digest = raw.hex()
        if self._expected.get(digest) != size:
            raise SyncError(
                f"an upload holds the content {digest[:12]}, of {size} bytes, which nobody asked for"
            )
        self._digest, self._left = digest, size
        events.append(Begun(digest, size))


class Receiver:
    """Takes an upload into a store; a context manager that forgets a content that did not come whole."""

    def __init__(self, store: Store, expected: Mapping[str, int]) -> None:
        """Accept these contents, by digest and size."""
        self._store = store
        self._unpacker = Unpacker(expected)
        self._draft: Draft | None = None

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def ended(self) -> bool:
        """Whether everything was received."""
        return self._unpacker.ended

    def add(self, received: bytes) -> list[str]:
        """Take bytes as they come; give the digests of what is in the store now. It blocks on the disk.

        Raises:
            SyncError: the upload is damaged, or a content is not what it was announced as.
            StoreFullError: there is no room for it.
        """
        stored = []
        for event in self._unpacker.receive(received):
            if isinstance(event, Begun):
                self._draft = self._store.open_draft(event.digest)
            elif isinstance(event, Part) and self._draft:
                self._draft.add(event.content)
            elif isinstance(event, Ended) and self._draft:
                self._draft.commit()
                self._close()
                stored.append(event.digest)
        return stored

    def _close(self) -> None:
        if self._draft:
            self._draft.__exit__()
            self._draft = None
