"""The table: one figure a line, beside its target and how it was taken."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from benchmarks import machine


def title(text: str) -> None:
    """Begin a part of the table; the load says how much to believe."""
    print(f"\n{text}; load {os.getloadavg()[0]:.1f}", flush=True)


def row(what: str, value: str, *, target: str = "", method: str = "") -> None:
    """Print one figure."""
    aim = f"target {target}" if target else ""
    print(f"  {what:<46} {value:>20}   {aim:<21} {method}".rstrip(), flush=True)


def spread(seconds: Sequence[float]) -> str:
    """Give p50 / p99 in milliseconds."""
    values = list(seconds)
    return f"{statistics.median(values) * 1000:.0f} / {machine.percentile(values, 0.99) * 1000:.0f} ms"


def times(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Give how much longer they take, by the medians."""
    ratio = statistics.median(theirs) / statistics.median(ours)
    return f"{ratio:.1f} x" if ratio < 10 else f"{ratio:.0f} x"
