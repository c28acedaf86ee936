"""The file: one SQLite table whose row ids are revisions, so that each write is one short statement.

A created object is a row appended at the end of the table; a changed one moves its row there; only a
deletion needs a second table, for the revision that no row carries. SQLite commits into its write-ahead
log, which the kernel keeps when this process is killed (``synchronous=NORMAL`` protects the file's
structure, not the last writes, when the power fails).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from alcove.embedded.faults import ApiError, internal
from alcove.embedded.objects import GroupResource, ObjectKey
from alcove.errors import AlcoveError, ConflictError, UnavailableError

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    revision INTEGER PRIMARY KEY, resource TEXT, namespace TEXT, name TEXT, body BLOB) STRICT;
CREATE TABLE IF NOT EXISTS deletions (only INTEGER PRIMARY KEY, revision INTEGER) STRICT;
"""
_ALL = "SELECT revision, resource, namespace, name, body FROM objects ORDER BY revision"
_INSERT = "INSERT INTO objects VALUES (?, ?, ?, ?, ?)"
_REPLACE = "UPDATE objects SET revision = ?, body = ? WHERE revision = ?"
_REMOVE = "DELETE FROM objects WHERE revision = ?"
_MARK = "INSERT OR REPLACE INTO deletions VALUES (0, ?)"


class DamagedStoreError(AlcoveError):
    """The database cannot be read as ours."""


class StoreInUseError(ConflictError):
    """Another process has the database."""


class StoreUnusableError(UnavailableError):
    """The place of the database cannot be written to."""


class Row(NamedTuple):
    """One object as it was found in the file."""

    key: ObjectKey
    revision: int
    body: bytes


class Database:
    """The open file; used by one thread of one process."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int) -> None:
        """Take over the connection to the file ``path`` and the descriptor that holds its lock."""
        self._path = path
        self._connection = connection
        self._execute = connection.execute
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open or make the file ``path`` and lock it against other processes.

        Raises:
            DamagedStoreError: it is not a database of ours, or its structure is broken.
            StoreInUseError: another process has it open.
            StoreUnusableError: its directory cannot be made or written, or the disk is full.
        """
        lock = _take_lock(path)
        try:
            with _translated(path):
                return cls(path, _connect(path), lock)
        except BaseException:
            os.close(lock)
            raise

    def rows(self) -> Iterator[Row]:
        """Give every object, oldest write first."""
        found = self._execute(
            "SELECT revision, resource, namespace, name, body FROM objects ORDER BY revision"
        )
        for revision, resource, namespace, name, body in found:
            yield Row(ObjectKey(GroupResource(resource), namespace, name), revision, body)

    def revision(self) -> int:
        """Give the revision of the last write."""
        found = self._execute(
            "SELECT max(coalesce((SELECT max(revision) FROM objects), 0),"
            " coalesce((SELECT revision FROM deletions), 0))"
        )
        return int(found.fetchone()[0])

    def insert(self, key: ObjectKey, revision: int, body: bytes) -> None:
        """Write a new object.

        Raises:
            ApiError: 507 when the disk is full, 500 when it fails otherwise; nothing was written.
        """
        self._write(lambda: self._execute(_INSERT, (revision, *key, body)))

    def replace(self, old: int, revision: int, body: bytes) -> None:
        """Write the object anew whose last revision was ``old``; raises as ``insert``."""
        self._write(lambda: self._execute(_REPLACE, (revision, body, old)))

    def remove(self, old: int, revision: int) -> None:
        """Remove the object whose last revision was ``old``; raises as ``insert``."""
        self._write(lambda: self._remove(old, revision))

    def close(self) -> None:
        """Let the file and its lock go."""
        self._connection.close()
        os.close(self._lock)

    def _remove(self, old: int, revision: int) -> None:
        self._execute("BEGIN IMMEDIATE")
        self._execute(_REMOVE, (old,))
        self._execute(_MARK, (revision,))
        self._execute("COMMIT")

    def _write(self, write: Callable[[], object]) -> None:
        try:
            write()
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._execute("ROLLBACK")
            raise _write_error(error) from error


def _write_error(error: sqlite3.Error) -> ApiError:
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return ApiError(
            507,
            "InsufficientStorage",
            "the object was not stored: the disk of the cluster's database is full; "
            "reads go on, and writes will when there is room again",
        )
    return internal(f"the object was not stored: {error}")


def _take_lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreInUseError(
            f"the cluster's database {path} is in use",
            cause="another cluster process holds its lock",
            hint="stop the other cluster, or give this one a directory of its own",
        ) from error
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _require_sound(path, connection)
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_sound(path: Path, connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _damaged(path, str(verdict))
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > _FORMAT:
        raise _damaged(path, f"it has format {found}, this version knows format {_FORMAT}")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _unusable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _unusable(path: Path, why: str) -> StoreUnusableError:
    return StoreUnusableError(
        f"the cluster's database {path} cannot be opened for writing",
        cause=why,
        hint="check that the directory exists, belongs to you and that its disk has room",
    )


def _damaged(path: Path, why: str) -> DamagedStoreError:
    return DamagedStoreError(
        f"the cluster's database {path} cannot be read",
        cause=why,
        hint="move the file away to start with an empty cluster, or put a backup in its place",
    )


def damaged_row(path: Path, key: ObjectKey, why: str) -> DamagedStoreError:
    """Give the error for a row whose content is not an object."""
    return _damaged(path, f"{key.resource} {key.namespace}/{key.name}: {why}")
