"""What processes hold at most: the system's own peak of each, and the proportional size of all of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine

_INTERVAL = 1.0


@dataclass
class Peak:
    """The most that was seen, in MB."""

    proportional: float = 0.0
    """The largest sum of all processes at one moment."""
    resident: dict[int, float] = field(default_factory=dict)
    """By process, the system's own peak."""

    def __str__(self) -> str:
        return f"{self.proportional:.0f} MB"

    @property
    def largest(self) -> float:
        """The peak of the largest process."""
        return max(self.resident.values(), default=0.0)


@contextlib.contextmanager
def watching(find: Callable[[], Sequence[int]]) -> Iterator[Peak]:
    """Watch processes for the block; who they are is asked again when one of them has gone."""
    peak, ends = Peak(), threading.Event()
    found = list(find())
    for pid in found:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def look() -> None:
        while not ends.wait(_INTERVAL):
            if not found or not all(Path(f"/proc/{pid}").exists() for pid in found):
                found[:] = find()
            _look(peak, found)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ends.set()
        thread.join()
        _look(peak, found)


def _look(peak: Peak, pids: Sequence[int]) -> None:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            total += machine.resident(pid)
            peak.resident[pid] = _highest(pid)
    peak.proportional = max(peak.proportional, total)


def _highest(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return 0.0
