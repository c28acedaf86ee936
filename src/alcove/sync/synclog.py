"""What the workstation remembers of the last synchronization: one JSON file for each project directory.

::

    TEMPORARY/<sha256 of the project's path>.synclog
    {"version": 1, "project": PATH, "synchronizationId": ID, "lastSync": NS, "scanned": NS,
     "files": [{"path", "timestamp": NS, "size", "mode", "inode", "digest"}, ...]}

It only saves work: a file whose timestamp, size, mode and inode are as they were needs not be read again. Who
deletes it forces a full synchronization. The temporary directory may be everybody's, so a file is believed
only if it is the user's own, and a link is never followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alcove.sync import paths
from alcove.sync.errors import SyncError
from alcove.sync.hashing import Stamp
from alcove.sync.looking import Known
from alcove.sync.manifest import Entry, File
from alcove.sync.scanning import Scan

VERSION = 1
_LARGEST = 1 << 29


class _Logged(msgspec.Struct):
    path: str
    timestamp: int
    size: int
    mode: int
    inode: int
    digest: str


class _Document(msgspec.Struct, rename="camel"):
    version: int
    project: str
    synchronization_id: str
    last_sync: int
    scanned: int
    files: list[_Logged]


@dataclass(frozen=True, slots=True)
class SyncLog:
    """What was synchronized, and when."""

    project: str
    synchronization_id: str
    """Names the series of synchronizations; the hub has the same."""
    synced_ns: int
    """When the last one ended: a time that the hub has too."""
    known: Known
    """What the next scan needs not read again."""


@dataclass(frozen=True, slots=True)
class LogRead:
    """What reading gave; ``said`` is why there is no log where there should be one."""

    log: SyncLog | None = None
    said: str = ""


def log_path(project: Path, directory: Path | None = None) -> Path:
    """Give the place of a project's log."""
    name = hashlib.sha256(str(project).encode("utf-8", "surrogateescape")).hexdigest()
    return (directory or Path(tempfile.gettempdir())) / f"{name}.synclog"


def make_log(project: Path, scan: Scan, *, synchronization_id: str, synced_ns: int) -> SyncLog:
    """Give the log of a tree that is the same on both sides now."""
    return SyncLog(str(project), synchronization_id, synced_ns, scan.known)


def read_log(project: Path, directory: Path | None = None) -> LogRead:
    """Read a project's log; one that cannot be believed is none, which is said."""
    path = log_path(project, directory)
    try:
        text = _read(path)
        return LogRead(_parse(text, str(project)))
    except FileNotFoundError:
        return LogRead()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        return LogRead(None, f"the sync log {path} is not used ({reason}): all files are compared again")


def write_log(log: SyncLog, directory: Path | None = None) -> Path:
    """Write a log, whole or not at all, readable by its owner only; give its place.

    Raises:
        SyncError: it cannot be written, which only makes the next synchronization slower.
    """
    path = log_path(Path(log.project), directory)
    draft = ""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_render(log))
        Path(draft).replace(path)
    except OSError as error:
        if draft:
            with contextlib.suppress(OSError):
                Path(draft).unlink()
        raise SyncError(
            f"cannot write the sync log {path}",
            cause=error.strerror or str(error),
            hint="the next one compares all files; set TMPDIR to a directory that you may write to",
        ) from error
    return path


def _read(path: Path) -> bytes:
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with os.fdopen(os.open(path, flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            raise ValueError("somebody else could have written it")
        if status.st_size > _LARGEST:
            raise ValueError("it is too large")
        return stream.read()


def _parse(text: bytes, project: str) -> SyncLog:
    try:
        document = msgspec.json.decode(text, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is damaged: {error}") from error
    if document.version != VERSION or document.project != project:
        raise ValueError(
            "it is of another version" if document.version != VERSION else "it is another project's"
        )
    entries: dict[str, Entry] = {}
    stamps: dict[str, Stamp] = {}
    for one in document.files:
        if not paths.is_sound(one.path) or len(one.digest) != 64 or one.size < 0:
            raise ValueError("it is damaged")
        entries[one.path] = File(one.digest, one.size, stat.S_IMODE(one.mode) & 0o777)
        stamps[one.path] = Stamp(one.size, one.timestamp, one.mode, one.inode)
    known = Known(entries, stamps, document.scanned)
    return SyncLog(project, document.synchronization_id, document.last_sync, known)


def _render(log: SyncLog) -> bytes:
    entries: Mapping[str, Entry] = log.known.entries
    files = []
    for path, stamp in log.known.stamps.items():
        entry = entries.get(path)
        if isinstance(entry, File):
            files.append(_Logged(path, stamp.mtime_ns, stamp.size, stamp.mode, stamp.inode, entry.digest))
    return msgspec.json.encode(
        _Document(VERSION, log.project, log.synchronization_id, log.synced_ns, log.known.seen_ns, files)
    )
