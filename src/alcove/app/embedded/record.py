"""``daemon.json``: which process serves a data directory.

A pid alone says little, since pids are given again: a process is ours only if it also started when the
record says (field 22 of ``/proc/PID/stat``, clock ticks since boot).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from alcove import errors


@dataclass(frozen=True, slots=True)
class DaemonRecord:
    """One daemon's life."""

    pid: int
    started: int
    """Clock ticks between boot and its start."""
    server: str
    """The API's URL."""
    port: int
    version: str


def started_ticks(pid: int) -> int | None:
    """Give when a process started, in clock ticks since boot; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def is_alive(record: DaemonRecord) -> bool:
    """Tell whether the recorded process still runs."""
    return started_ticks(record.pid) == record.started


def read_record(path: Path) -> DaemonRecord | None:
    """Read the last record, None when there never was one.

    Raises:
        AlcoveError: the file is damaged or cannot be read.
    """
    try:
        return DaemonRecord(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise errors.AlcoveError(
            f"cannot read {path}", cause=str(error), hint="remove the file if no daemon of this cluster runs"
        ) from error


def write_record(path: Path, record: DaemonRecord) -> None:
    """Write the record so that readers see the old one or the new one, never half of it."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(path)
